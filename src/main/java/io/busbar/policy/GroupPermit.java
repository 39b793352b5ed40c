package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What the bindings of a client's groups give it: the union of their templates. */
final class GroupPermit implements Permit {
  /** The most filters of a permit for each right; templates beyond give nothing. */
  static final int MAX_FILTERS = 16_384;

  private static final int GROUPS_SHOWN = 3;

  /** How many filters of one template are looked at for the nearest. */
  private static final int LIKENED = 16;

  private final Client client;
  private final List<Policy.Group> groups;
  private final Filters publish;
  private final Filters subscribe;

  GroupPermit(Client client, List<Policy.Group> groups) {
    this.client = client;
    this.groups = List.copyOf(groups);
    publish = filters(Policy.Group::publish);
    subscribe = filters(Policy.Group::subscribe);
  }

  /** Whether it is the one that a client of these groups has. */
  boolean isOf(Client client, List<Policy.Group> groups) {
    return this.client.equals(client) && this.groups.equals(groups);
  }

  @Override
  public String authenticationName() {
    return client.authenticationName();
  }

  @Override
  public boolean mayPublish(byte[] topic, int offset, int length) {
    return publish.matches(topic, offset, length);
  }

  @Override
  public boolean maySubscribe(byte[] filter) {
    return subscribe.covers(filter);
  }

  @Override
  public Optional<String> whyNotPublish(String topic) {
    byte[] bytes = topic.getBytes(UTF_8);
    if (mayPublish(bytes, 0, bytes.length)) {
      return Optional.empty();
    }
    return Optional.of(why("Publisher", "matches topic", topic, Policy.Group::publish));
  }

  @Override
  public Optional<String> whyNotSubscribe(String filter) {
    if (maySubscribe(filter.getBytes(UTF_8))) {
      return Optional.empty();
    }
    return Optional.of(why("Subscriber", "covers filter", filter, Policy.Group::subscribe));
  }

  private Filters filters(Function<Policy.Group, List<Policy.Space>> right) {
    List<byte[]> all = new ArrayList<>();
    for (Granted granted : granted(right)) {
      all.addAll(granted.expansion().filters());
    }
    return new Filters(all);
  }

  /** A template that a binding gives to the client, and what it means for it. */
  private record Granted(
      Policy.Space space, TopicTemplate template, TopicTemplate.Expansion expansion) {}

  private List<Granted> granted(Function<Policy.Group, List<Policy.Space>> right) {
    // a space given by two groups counts once; spaces are few and compared by identity
    Map<String, Policy.Space> spaces = new LinkedHashMap<>();
    for (Policy.Group group : groups) {
      for (Policy.Space space : right.apply(group)) {
        spaces.put(space.name(), space);
      }
    }
    List<Granted> all = new ArrayList<>();
    int filters = 0;
    for (Policy.Space space : spaces.values()) {
      for (TopicTemplate template : space.templates()) {
        TopicTemplate.Expansion expansion =
            template.expand(client.authenticationName(), client.attributes());
        filters += expansion.filters().size();
        if (filters > MAX_FILTERS) {
          filters -= expansion.filters().size();
          expansion =
              TopicTemplate.Expansion.none(
                  "the client's templates make more than " + MAX_FILTERS + " filters");
        }
        all.add(new Granted(space, template, expansion));
      }
    }
    return all;
  }

  private String why(
      String permission,
      String verb,
      String wanted,
      Function<Policy.Group, List<Policy.Space>> right) {
    String who =
        "client " + Text.quote(client.authenticationName()) + " (groups: " + groups() + ")";
    String object = verb.substring(verb.indexOf(' ') + 1) + " " + Text.quote(wanted);
    boolean isOffered = wanted.startsWith("$SYS/") && permission.equals("Subscriber");
    if (wanted.startsWith("$") && !isOffered) {
      return Text.line(object + " begins with '$', which is reserved; " + who);
    }
    List<Granted> all = granted(right);
    if (all.isEmpty()) {
      return Text.line(who + " has no " + permission + " binding, asked for " + object);
    }
    String text = "no %s binding of %s %s %s".formatted(permission, who, verb, Text.quote(wanted));
    Granted nearest = null;
    String nearestFilter = "";
    int best = -1;
    for (Granted granted : all) {
      List<byte[]> filters = granted.expansion().filters();
      for (byte[] bytes : filters.subList(0, Math.min(filters.size(), LIKENED))) {
        String filter = new String(bytes, UTF_8);
        int score = likeness(filter, wanted);
        if (score > best) {
          best = score;
          nearest = granted;
          nearestFilter = filter;
        }
      }
    }
    if (nearest != null) {
      return Text.line(
          text
              + "; nearest template: %s of topic space '%s'"
                  .formatted(Text.quote(nearestFilter), nearest.space().name()));
    }
    Granted first = all.get(0);
    return Text.line(
        text
            + "; template %s of topic space '%s' gives nothing: %s"
                .formatted(
                    Text.quote(first.template().text()),
                    first.space().name(),
                    first.expansion().whyNone().orElseThrow()));
  }

  private String groups() {
    String some =
        groups.stream()
            .limit(GROUPS_SHOWN)
            .map(Policy.Group::name)
            .collect(Collectors.joining(", "));
    int more = groups.size() - GROUPS_SHOWN;
    return more > 0 ? some + " and " + more + " more" : some;
  }

  /** Leading levels that agree count most, then leading characters, then the same depth. */
  private static int likeness(String filter, String wanted) {
    String[] ours = filter.split("/", -1);
    String[] theirs = wanted.split("/", -1);
    int levels = 0;
    while (levels < ours.length
        && levels < theirs.length
        && (ours[levels].equals("+") || ours[levels].equals(theirs[levels]))) {
      levels++;
    }
    int characters = 0;
    while (characters < filter.length()
        && characters < wanted.length()
        && filter.charAt(characters) == wanted.charAt(characters)) {
      characters++;
    }
    return (levels << 18) + (characters << 1) + (ours.length == theirs.length ? 1 : 0);
  }
}
