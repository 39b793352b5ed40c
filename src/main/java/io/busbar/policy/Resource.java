package io.busbar.policy;

/**
 * What a namespace is made of, one by one (Microsoft.EventGrid/namespaces and what is below it).
 */
public sealed interface Resource
    permits Client,
        ClientGroup,
        TopicSpace,
        PermissionBinding,
        CaCertificate,
        NamespaceSettings,
        NamespaceTopic,
        EventSubscription,
        AccessKeys {

  /** The kinds of resources. */
  enum Kind {
    CLIENT(1, "clients"),
    CLIENT_GROUP(2, "clientGroups"),
    TOPIC_SPACE(3, "topicSpaces"),
    PERMISSION_BINDING(4, "permissionBindings"),
    CA_CERTIFICATE(5, "caCertificates"),
    /** The namespace itself: there is one. */
    NAMESPACE(6, "namespaces"),
    /** What events are published to. */
    TOPIC(7, "topics"),
    /** Named after its topic: topic/subscription. */
    EVENT_SUBSCRIPTION(8, "eventSubscriptions"),
    /** The keys for events: there is one pair of them, which is secret. */
    ACCESS_KEYS(9, "accessKeys");

    private final int code;
    private final String plural;

    Kind(int code, String plural) {
      this.code = code;
      this.plural = plural;
    }

    /** Which it is in stored forms, for good. */
    public int code() {
      return code;
    }

    /** Whether it is of events, not of who may do what over MQTT. */
    public boolean isForEvents() {
      return this == TOPIC || this == EVENT_SUBSCRIPTION || this == ACCESS_KEYS;
    }

    /** What several of them are called, as in a path. */
    public String plural() {
      return plural;
    }

    /**
     * The kind of a code.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Kind of(int code) {
      for (Kind kind : values()) {
        if (kind.code == code) {
          return kind;
        }
      }
      throw new IllegalArgumentException("a kind of resource of code " + code);
    }

    /** The form under which names of this kind are equal: the case of clients' names matters. */
    public String id(String name) {
      return this == CLIENT ? name : Text.fold(name);
    }
  }

  /** Its kind. */
  Kind kind();

  /** Its name, unique among its kind. */
  String name();

  /** What of it is unique among its kind besides, or null. */
  default String key() {
    return null;
  }

  /** {@link Kind#id} of its name. */
  default String id() {
    return kind().id(name());
  }
}
