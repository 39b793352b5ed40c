package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.shard.SessionView;
import io.busbar.store.Store;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.BiPredicate;

/**
 * Looks at the sessions of the cluster, for people: at those that are stored, and at those that are
 * only connected, at whichever node. For the session verticle's thread.
 */
final class Inspection {
  private static final char STORED = 's';
  private static final char CONNECTED = 'c';

  private final Broker broker;
  private final Store store;
  private final OtherNodes others;
  private final Hop hop;
  private final Names names;

  /** Names of sessions that are connected and not stored. */
  private final TreeSet<String> unstored = new TreeSet<>();

  /** The sessions that are connected to this node. */
  interface Names {
    /** The authentication name of a session's client, or null if it is not connected here. */
    String client(String name);

    /** Ends the connection of a session that is connected here. */
    Future<?> disconnect(String name);
  }

  Inspection(Broker broker, Store store, OtherNodes others, Hop hop, Names names) {
    this.broker = broker;
    this.store = store;
    this.others = others;
    this.hop = hop;
    this.names = names;
  }

  /** A session that is not stored is connected here. */
  void connected(String name) {
    unstored.add(name);
  }

  /** It is not any more. */
  void disconnected(String name) {
    unstored.remove(name);
  }

  /** Some of the sessions. */
  Future<Bus.SessionsListed> list(Bus.ListSessions list) {
    String after = list.after() == null ? STORED + "" : list.after();
    int colon = after.indexOf(':');
    String place = colon < 0 ? "" : after.substring(1, colon);
    String name = after.substring(colon + 1);
    boolean isStart = colon < 0;
    return after.charAt(0) == STORED
        ? stored(isStart ? null : new SessionView.Mark(name, Long.parseLong(place)), list)
        : connected(place, isStart ? "" : name, list);
  }

  private Future<Bus.SessionsListed> stored(SessionView.Mark after, Bus.ListSessions list) {
    Promise<Bus.SessionsListed> listed = Promise.promise();
    store.sessions(
        after,
        list.most(),
        (name, owner) -> list.wanted().test(name, client(name, owner)),
        page ->
            hop.execute(
                () ->
                    listed.complete(
                        new Bus.SessionsListed(
                            page.sessions().stream().map(this::shown).toList(),
                            page.next() == null
                                ? CONNECTED + ""
                                : STORED
                                    + Long.toString(page.next().epoch())
                                    + ':'
                                    + page.next().name()))));
    return listed.future();
  }

  private Bus.SessionShown shown(SessionView stored) {
    String node = null;
    if (stored.location() != null) {
      String id = stored.location().node();
      int at = id.indexOf('@');
      node = at < 0 ? broker.settings.nodeName() : id.substring(0, at);
    }
    return new Bus.SessionShown(stored.name(), client(stored.name(), stored.owner()), node, stored);
  }

  /** Where all clients are alike, a session has no owner: it is called as its client is. */
  private static String client(String name, String owner) {
    return owner.isEmpty() ? name : owner;
  }

  /** Those of one node after the other, in the order of their ids. */
  private Future<Bus.SessionsListed> connected(String place, String after, Bus.ListSessions list) {
    List<String> nodes = new ArrayList<>(others.ids());
    nodes.add(broker.nodeId);
    Collections.sort(nodes);
    nodes.removeIf(node -> node.compareTo(place) < 0);
    if (nodes.isEmpty()) {
      return Future.succeededFuture(new Bus.SessionsListed(List.of(), null));
    }
    String node = nodes.get(0);
    Wire.SessionQuestion question =
        new Wire.SessionQuestion(
            Wire.SessionWish.LIST, node.equals(place) ? after : "", list.most());
    return ask(node, question)
        .map(
            told -> {
              String next = nodes.size() > 1 ? CONNECTED + nodes.get(1) + ':' : null;
              if (told != null && !told.isLast()) {
                String last = told.names().get(told.names().size() - 1).name();
                next = CONNECTED + node + ':' + last;
              }
              return new Bus.SessionsListed(
                  told == null ? List.of() : shown(told, list.wanted()), next);
            });
  }

  private static List<Bus.SessionShown> shown(
      Wire.SessionNames told, BiPredicate<String, String> wanted) {
    return told.names().stream()
        .filter(one -> wanted.test(one.name(), one.client()))
        .map(one -> new Bus.SessionShown(one.name(), one.client(), told.node(), null))
        .toList();
  }

  private Future<Wire.SessionNames> ask(String node, Wire.SessionQuestion question) {
    return node.equals(broker.nodeId)
        ? answer(question)
        : others
            .ask(node, Bus.nodeNames(node), question.encode())
            .map(answer -> answer == null ? null : Wire.SessionNames.decode(answer));
  }

  /** The session of a name, in the store or at whichever node. */
  Future<Bus.SessionsListed> find(String name) {
    return askAll(Wire.SessionWish.FIND, name).compose(told -> found(name, told));
  }

  /** Ends the connection of a session, if it has one; lists the session. */
  Future<Bus.SessionsListed> disconnect(String name) {
    return askAll(Wire.SessionWish.DISCONNECT, name).compose(told -> found(name, told));
  }

  private Future<List<Wire.SessionNames>> askAll(Wire.SessionWish wish, String name) {
    Wire.SessionQuestion question = new Wire.SessionQuestion(wish, name, 1);
    List<Future<Wire.SessionNames>> told = new ArrayList<>();
    told.add(answer(question));
    for (String node : others.ids()) {
      told.add(ask(node, question));
    }
    return Future.all(told)
        .map(all -> told.stream().map(Future::result).filter(Objects::nonNull).toList());
  }

  private Future<Bus.SessionsListed> found(String name, List<Wire.SessionNames> told) {
    Promise<Bus.SessionsListed> found = Promise.promise();
    store.session(
        name,
        stored ->
            hop.execute(
                () -> {
                  List<Bus.SessionShown> connected =
                      told.stream().flatMap(one -> shown(one, (a, b) -> true).stream()).toList();
                  found.complete(
                      new Bus.SessionsListed(
                          stored == null
                              ? connected.stream().limit(1).toList()
                              : List.of(shown(stored)),
                          null));
                }));
    return found.future();
  }

  /** Answers another node, or this one. */
  Future<Wire.SessionNames> answer(Wire.SessionQuestion question) {
    String node = broker.settings.nodeName();
    if (question.wish() == Wire.SessionWish.LIST) {
      List<Wire.SessionName> some =
          unstored.tailSet(question.name(), false).stream()
              .limit(question.most())
              .map(name -> new Wire.SessionName(name, names.client(name)))
              .toList();
      boolean isLast =
          some.size() < question.most()
              || unstored.higher(some.get(some.size() - 1).name()) == null;
      return Future.succeededFuture(new Wire.SessionNames(node, isLast, some));
    }
    String client = names.client(question.name());
    Wire.SessionNames answer =
        new Wire.SessionNames(
            node,
            true,
            client == null ? List.of() : List.of(new Wire.SessionName(question.name(), client)));
    return client == null || question.wish() == Wire.SessionWish.FIND
        ? Future.succeededFuture(answer)
        : names.disconnect(question.name()).map(answer);
  }

  /** Another node asks. */
  Future<Buffer> answer(Buffer question) {
    return answer(Wire.SessionQuestion.decode(question)).map(Wire.SessionNames::encode);
  }
}
