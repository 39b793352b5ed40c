package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.policy.Resource.Kind;
import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a path of the management API leads to: a namespace, a kind of its resources, or one of them.
 * There are two forms, in any case and with any number of slashes in front:
 *
 * <pre>
 *   /subscriptions/S/resourceGroups/G/providers/Microsoft.EventGrid/namespaces/NS/clients/NAME
 *   /namespaces/NS/clients/NAME
 * </pre>
 *
 * @param root what ids of resources begin with: all up to {@code /namespaces}
 * @param isArm whether it is of the first form
 * @param namespace its name, or null for all of them
 * @param kind null for the namespace itself
 * @param name null for all of the kind; of an event subscription with its topic: topic/name
 * @param topic whose event subscriptions it leads to, or null
 * @param action that is to be done, or null
 */
record ResourcePath(
    String root,
    boolean isArm,
    String namespace,
    Kind kind,
    String name,
    String topic,
    String action) {
  private static final List<String> ACTIONS = List.of("listKeys", "regenerateKey");

  /** Those of a namespace only, which are Busbar's own. */
  private static final List<String> NAMESPACE_ACTIONS = List.of("batch", "importClients");

  /** Those of an event subscription. */
  private static final List<String> SUBSCRIPTION_ACTIONS =
      List.of("getFullUrl", "getDeliveryAttributes");

  private static final String PROVIDER = "Microsoft.EventGrid";
  private static final List<Kind> BELOW =
      List.of(
          Kind.CLIENT,
          Kind.CLIENT_GROUP,
          Kind.TOPIC_SPACE,
          Kind.PERMISSION_BINDING,
          Kind.CA_CERTIFICATE,
          Kind.TOPIC);

  /** Whether a path may be one of them. */
  static boolean is(String path) {
    List<String> segments = segments(path);
    return !segments.isEmpty()
        && (segments.get(0).equalsIgnoreCase("subscriptions")
            || segments.get(0).equalsIgnoreCase("namespaces"));
  }

  /**
   * Reads a path.
   *
   * @throws ApiError if it leads to nothing
   */
  static ResourcePath of(String path) {
    List<String> segments = new ArrayList<>();
    segments(path).forEach(segment -> segments.add(decoded(segment)));
    int at = namespaces(segments);
    boolean isArm = at > 0;
    String root = "";
    if (isArm) {
      root = "/subscriptions/" + segments.get(1);
      root += at == 6 ? "/resourceGroups/" + segments.get(3) : "";
      root += "/providers/" + PROVIDER;
    }
    List<String> rest = segments.subList(at + 1, segments.size());
    String action = action(rest);
    if (action != null) {
      rest = rest.subList(0, rest.size() - 1);
    }
    String namespace = rest.isEmpty() ? null : rest.get(0);
    Kind kind = rest.size() < 2 ? null : kind(rest.get(1));
    String name = rest.size() < 3 ? null : rest.get(2);
    if (rest.size() <= 3 && !(kind == Kind.TOPIC && action != null && name == null)) {
      return new ResourcePath(root, isArm, namespace, kind, name, null, action);
    }
    boolean isSubscription =
        kind == Kind.TOPIC
            && rest.size() <= 5
            && (action == null || (rest.size() == 5 && SUBSCRIPTION_ACTIONS.contains(action)))
            && is(rest, 3, Kind.EVENT_SUBSCRIPTION.plural());
    if (!isSubscription) {
      throw unknown(path);
    }
    return new ResourcePath(
        root,
        isArm,
        namespace,
        Kind.EVENT_SUBSCRIPTION,
        rest.size() < 5 ? null : name + "/" + rest.get(4),
        name,
        action);
  }

  /** A part of a path, without its percent signs. */
  static String decoded(String part) {
    try {
      // in a path, a plus sign is one
      return URLDecoder.decode(part.replace("+", "%2B"), UTF_8);
    } catch (IllegalArgumentException e) {
      throw ApiError.invalid("the path has a percent sign that encodes nothing");
    }
  }

  /** Of the namespace, of a topic, or of one of its event subscriptions. */
  private static String action(List<String> rest) {
    int last = rest.size() - 1;
    List<String> actions =
        switch (last) {
          case 1 -> Stream.concat(ACTIONS.stream(), NAMESPACE_ACTIONS.stream()).toList();
          case 3 -> ACTIONS;
          case 5 -> SUBSCRIPTION_ACTIONS;
          default -> List.of();
        };
    return actions.stream().filter(action -> is(rest, last, action)).findFirst().orElse(null);
  }

  private static List<String> segments(String path) {
    String bare = path.replaceFirst("^/+", "");
    bare = bare.endsWith("/") ? bare.substring(0, bare.length() - 1) : bare;
    return bare.isEmpty() ? List.of() : List.of(bare.split("/", -1));
  }

  /** Where the word {@code namespaces} stands. */
  private static int namespaces(List<String> segments) {
    if (is(segments, 0, "namespaces")) {
      return 0;
    }
    int provider = is(segments, 2, "resourceGroups") ? 4 : 2;
    if (is(segments, 0, "subscriptions")
        && is(segments, provider, "providers")
        && is(segments, provider + 1, PROVIDER)
        && is(segments, provider + 2, "namespaces")) {
      return provider + 2;
    }
    throw unknown("/" + String.join("/", segments));
  }

  private static boolean is(List<String> segments, int at, String word) {
    return segments.size() > at && segments.get(at).equalsIgnoreCase(word);
  }

  private static Kind kind(String plural) {
    for (Kind kind : BELOW) {
      if (kind.plural().equalsIgnoreCase(plural)) {
        return kind;
      }
    }
    throw new ApiError(
        404,
        "ResourceTypeNotFound",
        "there is no type of resources '%s' (allowed: %s)"
            .formatted(
                shown(plural), String.join(", ", BELOW.stream().map(Kind::plural).toList())));
  }

  private static ApiError unknown(String path) {
    return new ApiError(
        404,
        "InvalidResourceType",
        ("the path '%s' leads to nothing (allowed: /subscriptions/S/resourceGroups/G/providers/%s/namespaces/NAMESPACE/TYPE/NAME, or"
                + " /namespaces/NAMESPACE/TYPE/NAME)")
            .formatted(shown(path), PROVIDER));
  }

  private static String shown(String text) {
    return text.length() > 200 ? text.substring(0, 200) + "…" : text;
  }

  /** The id of a resource of a kind, or of the namespace. */
  String id(Kind of, String named) {
    String own = root + "/namespaces/" + namespace;
    if (of == Kind.EVENT_SUBSCRIPTION) {
      int slash = named.indexOf('/');
      return own
          + "/topics/"
          + named.substring(0, slash)
          + "/"
          + of.plural()
          + named.substring(slash);
    }
    return of == Kind.NAMESPACE ? own : own + "/" + of.plural() + "/" + named;
  }

  /** The type of resources of a kind. */
  static String type(Kind kind) {
    return PROVIDER
        + "/namespaces"
        + (kind == Kind.EVENT_SUBSCRIPTION ? "/topics" : "")
        + (kind == Kind.NAMESPACE ? "" : "/" + kind.plural());
  }
}
