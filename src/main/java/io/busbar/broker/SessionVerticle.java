package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Wire;
import io.busbar.mqtt.ReasonCode;
import io.busbar.shard.Command;
import io.busbar.shard.Effect;
import io.busbar.shard.Location;
import io.busbar.shard.Outcome;
import io.busbar.shard.Owners;
import io.busbar.shard.Refusal;
import io.busbar.shard.Retained;
import io.busbar.store.Appended;
import io.busbar.store.Feed;
import io.busbar.store.Store;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import io.vertx.core.internal.ContextInternal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns the sessions of this node. Of each name: which connection has it, under which epoch; whoever
 * opens a session gets its name after the connection that had it, here or on another node, is
 * closed. And the store: its entries come here from the loops, its effects go out from here. The
 * store calls back on a thread of its own ({@link Hop}). Deployed as a worker.
 */
public final class SessionVerticle extends VerticleBase {
  private static final Logger LOG = LoggerFactory.getLogger(SessionVerticle.class);

  /** How long a loop may take to close a connection, and another node to answer, in ms. */
  private static final long TIMEOUT = 6_000;

  /** How long an opening may take in all, in ms: less than a device may wait for its CONNACK. */
  private static final long OPENING = 8_000;

  /** What of that the store has at least. */
  private static final long STORE_OPENING = 1_000;

  /** How often the store is asked for what is due, in ms. */
  private static final long TICK = 100;

  /** When stored sessions are reviewed again if the store did not take what came of it, in ms. */
  private static final long REVIEW_AGAIN = 1_000;

  /** Names of one client that are told: more than it may have, if that is bounded. */
  private static final int MOST_NAMES = 101;

  private final Broker broker;
  private final Store store;
  private final boolean clustered;
  private final Map<String, Holder> holders = new HashMap<>();
  private final Owners owners =
      new Owners(all -> holders.forEach((name, one) -> all.accept(one.authenticationName(), name)));
  private final List<String> members;
  private OtherNodes others;
  private Inspection inspection;
  private NodeTraces traces;

  /** Those that share the store, or null. */
  private StoreNodes sharing;

  private LongAdder busMessages;
  private long lastEpoch;
  private Effects effects;
  private StoreTimes times;
  private Review review;
  private Hop hop;
  private long ticks;
  private boolean isServing;

  /** Sessions that were opened too late, and whose end the store has not taken yet. */
  private List<Command> unclosed = new ArrayList<>();

  /** Who has a session name. */
  private record Holder(long epoch, String authenticationName, int loop, long connection) {}

  /**
   * The verticle of a node.
   *
   * @param store is started and closed here
   * @param members the nodes that are there at the start
   */
  public SessionVerticle(Broker broker, Store store, boolean clustered, List<String> members) {
    this.broker = broker;
    this.store = store;
    this.clustered = clustered;
    this.members = List.copyOf(members);
  }

  @Override
  public Future<?> start() {
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "session");
    broker.serves = store::serves;
    broker.forms = store::forms;
    others = new OtherNodes(vertx, broker.nodeId, members);
    traces = new NodeTraces(vertx, broker, store, others);
    effects = new Effects(vertx.eventBus(), broker, traces::became);
    times = new StoreTimes(broker.telemetry);
    ContextInternal home = (ContextInternal) context;
    hop =
        new Hop(
            task -> home.runOnContext(v -> task.run()),
            () -> isOn(home),
            this::sendEffects,
            home::reportException);
    review =
        new Review(
            vertx.eventBus(),
            store,
            hop,
            (commands, then) ->
                append(
                    commands,
                    appended -> {
                      sendEffects();
                      if (appended instanceof Appended.Outcomes) {
                        then.run();
                      } else {
                        review.begin();
                        vertx.setTimer(REVIEW_AGAIN, t -> then.run());
                      }
                    }));
    inspection =
        new Inspection(
            broker,
            store,
            others,
            hop,
            new Inspection.Names() {
              @Override
              public String client(String name) {
                Holder holder = holders.get(name);
                return holder == null ? null : holder.authenticationName;
              }

              @Override
              public Future<?> disconnect(String name) {
                return evict(holders.get(name), ReasonCode.ADMINISTRATIVE_ACTION);
              }
            });
    // what follows is on this context, whichever thread the store has
    Promise<Void> started = home.promise();
    vertx
        .eventBus()
        .<Bus.Local>localConsumer(Bus.SESSION, this::onLocal)
        .completion()
        .compose(v -> share())
        .compose(v -> store.start(vertx, effect -> hop.execute(() -> told(effect))))
        .onComplete(started);
    // connections come when the index knows what is stored
    return started
        .future()
        .compose(v -> effects.send())
        .<Object>compose(v -> serve().mapEmpty())
        // a verticle that does not start is not stopped
        .recover(e -> store.close().transform(closed -> Future.failedFuture(e)));
  }

  private void told(Effect effect) {
    boolean isOfOther =
        effect instanceof Effect.Left left && !new Command.Gone(left.node()).isOf(store.node());
    if (!isOfOther) {
      effects.accept(effect);
    } else if (sharing != null) {
      sharing.gone(((Effect.Left) effect).node());
    }
  }

  /** Before a shared store starts, which needs the other nodes for it. */
  private Future<?> share() {
    if (!store.isShared()) {
      return Future.succeededFuture();
    }
    sharing =
        new StoreNodes(
            vertx,
            store,
            others,
            hop,
            () -> {
              List<String> there = sharing.absence().there();
              others.are(there, sharing.absence().unsettled());
              tellMembers(there);
            });
    return Future.all(
        sharing.start(broker.nodeId),
        vertx
            .eventBus()
            .<Buffer>consumer(Bus.nodeReached(broker.nodeId), this::onReached)
            .completion());
  }

  /** Whether this thread is in a turn of a context, or of a duplicate of it. */
  private static boolean isOn(ContextInternal home) {
    return Vertx.currentContext() instanceof ContextInternal now && now.unwrap() == home;
  }

  private Future<?> serve() {
    broker.telemetry.gauge(Meter.SESSIONS_STORED, store::sessions);
    broker.telemetry.gauge(Meter.RETAINED, store::retainedMessages);
    broker.telemetry.gauge(Meter.RETAINED_BYTES, store::retainedBytes);
    broker.telemetry.counter(Meter.RETAINED_EXPIRED, store::retainedExpired);
    broker.telemetry.gauge(Meter.EVENTS_PENDING, store::queuedEvents);
    // what an earlier life had matched is this one's to deliver
    broker.telemetry.adder(Meter.DELIVERIES_MATCHED).add(store.restored());
    broker.pendingDeliveries.add(store.restored());
    ticks = vertx.setPeriodic(TICK, t -> tick());
    isServing = true;
    if (!clustered) {
      return Future.succeededFuture();
    }
    return Future.all(
        vertx
            .eventBus()
            .<Buffer>consumer(Bus.nodeSession(broker.nodeId), this::onEviction)
            .completion(),
        vertx.eventBus().<Buffer>consumer(Bus.nodeNames(broker.nodeId), this::onNames).completion(),
        vertx
            .eventBus()
            .<Buffer>consumer(Bus.nodeTraces(broker.nodeId), this::onTraced)
            .completion());
  }

  @Override
  public Future<?> stop() {
    vertx.cancelTimer(ticks);
    if (sharing != null) {
      sharing.stop();
      // its connections have ended
      vertx.eventBus().publish(Bus.ENDED, broker.nodeId);
    }
    return store.close();
  }

  private void tick() {
    store.tick();
    traces.sweep();
    sendEffects();
    List<Command> again = unclosed;
    unclosed = new ArrayList<>();
    again.forEach(this::close);
  }

  private void sendEffects() {
    effects.send().onFailure(e -> LOG.warn("the index did not answer: cause={}", e.toString()));
  }

  // --- the store ---

  /** Gives the store a batch; the answer comes here, after the batch's effects. */
  private void append(List<Command> commands, Consumer<Appended> then) {
    append(commands, Feed.NONE, then);
  }

  private void append(List<Command> commands, Feed feed, Consumer<Appended> then) {
    long begun = System.nanoTime();
    store.append(
        commands,
        feed,
        appended -> {
          times.answered(commands.size(), appended, System.nanoTime() - begun);
          hop.execute(() -> then.accept(appended));
        });
  }

  /** Entries of a loop: the reply comes when the index knows what they changed of it. */
  private void append(Message<Bus.Local> message, Bus.Append batch) {
    append(
        batch.commands(),
        new Feed(batch.source(), batch.heard()),
        appended -> {
          if (appended instanceof Appended.Outcomes all) {
            reply(message, all.outcomes(), null, 0);
          } else if (appended instanceof Appended.Refused refused) {
            refused(message, batch.commands(), refused);
          } else {
            message.fail(1, "the outcome is not known");
          }
        });
  }

  /** What needs room is refused, but not what came with it. */
  private void refused(
      Message<Bus.Local> message, List<Command> commands, Appended.Refused because) {
    Refusal reason = because.reason();
    List<Command> others = commands.stream().filter(command -> !command.needsRoom()).toList();
    List<Outcome> outcomes = Arrays.asList(new Outcome[commands.size()]);
    if (reason != Refusal.FULL || others.isEmpty() || others.size() == commands.size()) {
      reply(message, outcomes, reason, because.refusals());
      return;
    }
    append(
        others,
        appended -> {
          if (appended instanceof Appended.Outcomes some) {
            int next = 0;
            for (int i = 0; i < commands.size(); i++) {
              if (!commands.get(i).needsRoom()) {
                outcomes.set(i, some.outcomes().get(next++));
              }
            }
            reply(message, outcomes, reason, 0);
          } else if (appended instanceof Appended.Refused refused) {
            reply(message, outcomes, refused.reason(), refused.refusals());
          } else {
            message.fail(1, "the outcome is not known");
          }
        });
  }

  private void reply(
      Message<Bus.Local> message, List<Outcome> outcomes, Refusal refusal, long refusals) {
    effects
        .send()
        .onSuccess(
            done -> message.reply(new Bus.Appended(outcomes, refusal, refusals), Bus.local()))
        .onFailure(e -> message.fail(1, "the index did not answer"));
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    Bus.Local body = message.body();
    if (body instanceof Bus.Members now) {
      others.are(now.nodes(), unsettled(now.nodes()));
      if (sharing != null) {
        sharing.ask();
      }
      tellMembers(now.nodes());
    } else if (body instanceof Bus.OrderStore it) {
      order(it.order(), message);
    } else if (!isServing) {
      message.fail(1, "the store is not open yet");
    } else if (body instanceof Bus.Append batch) {
      append(message, batch);
    } else if (body instanceof Bus.ReadInbox read) {
      store.inbox(
          read.session(),
          read.epoch(),
          read.from(),
          read.most(),
          page -> hop.execute(() -> message.reply(new Bus.Inbox(page), Bus.local())));
    } else if (body instanceof Bus.ReadEvents read) {
      store.events(
          read.queue(),
          read.events(),
          bodies -> hop.execute(() -> message.reply(new Bus.EventBodies(bodies), Bus.local())));
    } else if (body instanceof Bus.ListQueues list) {
      store.queues(
          list.after(),
          list.most(),
          queues -> hop.execute(() -> message.reply(new Bus.QueuesListed(queues), Bus.local())));
    } else if (body instanceof Bus.ReadRetained read) {
      Consumer<Retained.Page> then =
          page -> hop.execute(() -> message.reply(new Bus.RetainedPage(page), Bus.local()));
      if (read.session() == null) {
        store.retained(read.filter(), read.after(), then);
      } else {
        store.retained(read.session(), read.name(), read.after(), then);
      }
    } else if (body instanceof Bus.Open open) {
      open(open).onComplete(reply -> message.reply(reply.result(), Bus.local()));
    } else if (body instanceof Bus.Closed closed) {
      Holder holder = holders.get(closed.clientId());
      if (holder != null && holder.epoch == closed.epoch()) {
        forget(closed.clientId(), holder);
      }
    } else if (body instanceof Bus.Rejudge) {
      review.begin();
    } else if (body instanceof Bus.Spread) {
      spread(message);
    } else if (body instanceof Bus.ListSessions list) {
      listed(inspection.list(list), message);
    } else if (body instanceof Bus.FindSession find) {
      listed(inspection.find(find.name()), message);
    } else if (body instanceof Bus.Disconnect end) {
      listed(inspection.disconnect(end.name()), message);
    } else if (body instanceof Bus.TakeTrace take) {
      traces
          .take(take)
          .onSuccess(traced -> message.reply(traced, Bus.local()))
          .onFailure(e -> message.fail(1, e.getMessage()));
    } else if (body instanceof Bus.EndTrace end) {
      traces.end(end.id());
    } else if (body instanceof Bus.LeaveStore) {
      store
          .leave()
          .onSuccess(left -> hop.execute(() -> message.reply(new Bus.Done(), Bus.local())));
    }
  }

  private Set<String> unsettled(List<String> now) {
    if (sharing == null) {
      return Set.of();
    }
    sharing.are(now);
    return sharing.absence().unsettled();
  }

  /** Whoever waits for other nodes waits for those that may serve still, too. */
  private void tellMembers(List<String> nodes) {
    List<String> unsettled =
        sharing == null ? List.of() : List.copyOf(sharing.absence().unsettled());
    vertx.eventBus().send(Bus.MATCHING, new Bus.Members(nodes, unsettled), Bus.local());
  }

  private static void listed(Future<Bus.SessionsListed> listed, Message<Bus.Local> message) {
    listed
        .onSuccess(all -> message.reply(all, Bus.local()))
        .onFailure(e -> message.fail(1, "a node did not answer: " + e.getMessage()));
  }

  /** Another node wants to know what is connected here. */
  private void onNames(Message<Buffer> message) {
    busMessages.increment();
    inspection
        .answer(message.body())
        .onSuccess(message::reply)
        .onFailure(e -> message.fail(1, e.getMessage()));
  }

  /** At another node somebody looks at what a client does. */
  private void onTraced(Message<Buffer> message) {
    busMessages.increment();
    traces
        .answer(Wire.TraceQuestion.decode(message.body()))
        .onSuccess(answer -> message.reply(answer.encode()))
        .onFailure(e -> message.fail(1, e.getMessage()));
  }

  private void order(Wire.StoreOrder order, Message<Bus.Local> message) {
    Future<Wire.StoreView> view = sharing == null ? Future.succeededFuture() : sharing.order(order);
    view.onSuccess(seen -> message.reply(new Bus.StoreShown(seen), Bus.local()))
        .onFailure(e -> message.fail(1, e.getMessage()));
  }

  /** Replies when the indexes of all nodes know what the store has answered here. */
  private void spread(Message<Bus.Local> message) {
    Future.all(others.ask(Bus::nodeReached, Wire.position(store.position())))
        .onSuccess(all -> message.reply(new Bus.Done(), Bus.local()))
        .onFailure(e -> message.fail(1, "another node did not answer"));
  }

  /** Another node wants to know when this one's index knows what has come to a place in the log. */
  private void onReached(Message<Buffer> message) {
    busMessages.increment();
    store.reached(
        Wire.toPosition(message.body()),
        () ->
            hop.execute(
                () ->
                    effects
                        .send()
                        .onSuccess(v -> message.reply(Wire.verdict(true)))
                        .onFailure(e -> message.fail(1, "the index did not answer"))));
  }

  // --- names ---

  private Future<Bus.Local> open(Bus.Open open) {
    long begun = System.nanoTime();
    Holder before = holders.get(open.clientId());
    boolean another =
        before != null
            && !broker.settings.accessForAll()
            && !before.authenticationName.equals(open.authenticationName());
    if (another) {
      return Future.succeededFuture(
          new Bus.Refused(
              ReasonCode.NOT_AUTHORIZED, "the session name is in use by another client"));
    }
    lastEpoch = Math.max(lastEpoch + 1, System.currentTimeMillis() * 1_000);
    Holder holder =
        new Holder(lastEpoch, open.authenticationName(), open.loop(), open.connection());
    // whoever had it may have been another client, on a node that is open to all
    if (before != null) {
      forget(open.clientId(), before);
    }
    holders.put(open.clientId(), holder);
    owners.added(open.authenticationName(), open.clientId());
    boolean isCounted = open.mostSessions() > 0;
    Set<String> elsewhere = new HashSet<>();
    if (isCounted) {
      elsewhere.addAll(owners.of(open.authenticationName()));
    }
    List<Future<Boolean>> evicted = new ArrayList<>();
    if (before != null) {
      evicted.add(evict(before));
    }
    Wire.Eviction eviction =
        new Wire.Eviction(
            open.clientId(), lastEpoch, broker.nodeId, isCounted ? open.authenticationName() : "");
    for (Future<Buffer> reply : others.ask(Bus::nodeSession, eviction.encode())) {
      evicted.add(
          reply.map(
              answer -> {
                if (answer == null) {
                  return true;
                }
                Wire.Evicted one = Wire.Evicted.decode(answer);
                elsewhere.addAll(one.others());
                return one.yes();
              }));
    }
    return Future.all(evicted)
        .transform(
            outcome -> {
              boolean won =
                  outcome.succeeded()
                      && evicted.stream().allMatch(Future::result)
                      && holder.equals(holders.get(open.clientId()));
              if (won) {
                return store(open, holder, elsewhere, begun);
              }
              forget(open.clientId(), holder);
              return Future.succeededFuture(
                  outcome.succeeded()
                      ? new Bus.Refused(ReasonCode.SESSION_TAKEN_OVER, Protocol.OVERTAKEN)
                      : new Bus.Refused(
                          ReasonCode.SERVER_UNAVAILABLE,
                          "the connection that has the session name could not be closed"));
            });
  }

  /** A holder has its name no more, if it has. */
  private void forget(String name, Holder holder) {
    if (holders.remove(name, holder)) {
      inspection.disconnected(name);
      owners.removed(holder.authenticationName, name);
    }
  }

  /**
   * Opens the session in the store, which knows whether there is one to resume.
   *
   * @param elsewhere names under which the client is connected
   */
  private Future<Bus.Local> store(Bus.Open open, Holder holder, Set<String> elsewhere, long begun) {
    Command command =
        new Command.Open(
            open.clientId(),
            broker.settings.accessForAll() ? "" : open.authenticationName(),
            open.cleanStart(),
            open.expirySeconds(),
            open.will(),
            new Location(store.node(), open.loop(), open.connection()),
            open.window(),
            open.mostSessions() == 0
                ? null
                : new Command.Quota(
                    open.mostSessions(), elsewhere.stream().limit(MOST_NAMES).toList()));
    Promise<Bus.Local> answer = Promise.promise();
    append(
        List.of(command),
        appended ->
            effects
                .send()
                .onComplete(
                    known -> {
                      Bus.Local opened = opened(open, holder, appended, known.succeeded());
                      if (!answer.tryComplete(opened) || opened instanceof Bus.Refused) {
                        giveBack(open.clientId(), appended);
                      }
                    }));
    if (!answer.future().isComplete()) {
      long left = OPENING - (System.nanoTime() - begun) / 1_000_000;
      long timer =
          vertx.setTimer(
              Math.max(STORE_OPENING, left),
              t ->
                  answer.tryComplete(
                      new Bus.Refused(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN)));
      answer.future().onComplete(answered -> vertx.cancelTimer(timer));
    }
    return answer
        .future()
        .onSuccess(
            reply -> {
              if (reply instanceof Bus.Refused) {
                forget(open.clientId(), holder);
              } else if (reply instanceof Bus.Opened opened
                  && opened.session().epoch() == 0
                  && holder.equals(holders.get(open.clientId()))) {
                inspection.connected(open.clientId());
              }
            });
  }

  private static Bus.Local opened(
      Bus.Open open, Holder holder, Appended appended, boolean isIndexed) {
    if (appended instanceof Appended.Refused refused) {
      return new Bus.Refused(Unstored.ends(refused.reason()), Unstored.text(refused.reason()));
    }
    if (!(appended instanceof Appended.Outcomes all) || !isIndexed) {
      return new Bus.Refused(ReasonCode.SERVER_UNAVAILABLE, Unstored.UNKNOWN);
    }
    if (all.outcomes().get(0) instanceof Outcome.Opened opened) {
      return new Bus.Opened(holder.epoch, opened);
    }
    if (all.outcomes().get(0) instanceof Outcome.Exceeded) {
      return new Bus.Refused(
          ReasonCode.QUOTA_EXCEEDED,
          "the client has other sessions, connected or stored (allowed: %d in all)"
              .formatted(open.mostSessions()));
    }
    return new Bus.Refused(
        ReasonCode.QUOTA_EXCEEDED,
        "the session is another client's, or there are as many as there may be");
  }

  /** A session was opened that nobody serves: as if its connection had ended after CONNACK. */
  private void giveBack(String session, Appended appended) {
    if (appended instanceof Appended.Outcomes all
        && all.outcomes().get(0) instanceof Outcome.Opened opened
        && opened.epoch() != 0) {
      close(new Command.Close(session, opened.epoch(), -1, false, 0));
    }
  }

  /** Ends a connection in the store, however often that takes. */
  private void close(Command close) {
    append(
        List.of(close),
        appended -> {
          sendEffects();
          if (!(appended instanceof Appended.Outcomes)) {
            unclosed.add(close);
          }
        });
  }

  private Future<Boolean> evict(Holder holder) {
    return evict(holder, ReasonCode.SESSION_TAKEN_OVER);
  }

  private Future<Boolean> evict(Holder holder, ReasonCode reason) {
    return vertx
        .eventBus()
        .request(
            Bus.loop(holder.loop), new Bus.Evict(holder.connection, reason), Bus.local(TIMEOUT))
        .map(true);
  }

  /** Another node wants a name. */
  private void onEviction(Message<Buffer> message) {
    busMessages.increment();
    Wire.Eviction wanted = Wire.Eviction.decode(message.body());
    // who comes here after this is the newer one, whatever the clocks say: of two, one hears of the
    // other
    lastEpoch = Math.max(lastEpoch, wanted.epoch());
    List<String> names =
        wanted.owner().isEmpty()
            ? List.of()
            : owners.of(wanted.owner()).stream()
                .filter(name -> !isNewer(holders.get(name), wanted))
                .limit(MOST_NAMES)
                .toList();
    Holder holder = holders.get(wanted.clientId());
    if (holder == null) {
      message.reply(new Wire.Evicted(true, names).encode());
      return;
    }
    if (isNewer(holder, wanted)) {
      message.reply(new Wire.Evicted(false, names).encode());
      return;
    }
    forget(wanted.clientId(), holder);
    evict(holder)
        .onSuccess(done -> message.reply(new Wire.Evicted(true, names).encode()))
        .onFailure(e -> message.fail(1, "the connection did not close"));
  }

  /** Of two that come at once, one is newer everywhere. */
  private boolean isNewer(Holder holder, Wire.Eviction wanted) {
    return holder.epoch > wanted.epoch()
        || (holder.epoch == wanted.epoch() && broker.nodeId.compareTo(wanted.node()) > 0);
  }
}
