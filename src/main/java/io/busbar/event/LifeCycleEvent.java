package io.busbar.event;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A CloudEvent of a namespace about one of its clients: it has come, it has gone, it was registered
 * or it is not any more (Microsoft.EventGrid.MQTTClient…).
 *
 * @param id unique
 * @param subject the session's or the client's place in the namespace
 * @param topic the MQTT topic on which it is told: {@code $SYS/} and the subject, the names in it
 *     percent-encoded where they have signs that mean something in topics
 * @param data texts, whole numbers, lists and maps
 */
public record LifeCycleEvent(
    String namespace,
    String id,
    String type,
    String subject,
    String topic,
    Instant time,
    Map<String, Object> data) {
  private static final String SYSTEM = "$SYS/clients/";
  private static final String TYPE = "Microsoft.EventGrid.MQTTClient";

  /** Why a client has gone, in the words of Event Grid. */
  public enum Disconnection {
    /** What proves who it is does not any more: it expired, or the client was changed. */
    CLIENT_AUTHENTICATION_ERROR("ClientAuthenticationError"),
    /** It has no right to what it does or has subscribed to. */
    CLIENT_AUTHORIZATION_ERROR("ClientAuthorizationError"),
    /** It sent what may not be sent, or nothing for too long. */
    CLIENT_ERROR("ClientError"),
    CLIENT_INITIATED_DISCONNECT("ClientInitiatedDisconnect"),
    CONNECTION_LOST("ConnectionLost"),
    /** Its address is not one that clients may come from. */
    IP_FORBIDDEN("IpForbidden"),
    /** It did more than it may do. */
    QUOTA_EXCEEDED("QuotaExceeded"),
    SERVER_ERROR("ServerError"),
    SERVER_INITIATED_DISCONNECT("ServerInitiatedDisconnect"),
    /** It does not take what is sent to it, and its queue is full. */
    SESSION_OVERFLOW("SessionOverflow"),
    /** Another connection has its session. */
    SESSION_TAKEN_OVER("SessionTakenOver");

    private final String word;

    Disconnection(String word) {
      this.word = word;
    }

    /** The word in the event. */
    public String word() {
      return word;
    }
  }

  /**
   * A session of a client.
   *
   * @param clientName the registry's name of the client, or null if it is not registered
   * @param sequence rises with each connection of the client
   */
  public record Session(String authenticationName, String name, String clientName, long sequence) {}

  /**
   * A session has come, or has gone.
   *
   * @param why it has gone, or null if it has come
   */
  public static LifeCycleEvent session(
      String namespace, String id, Instant time, Session session, Disconnection why) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("namespaceName", namespace);
    data.put("clientAuthenticationName", session.authenticationName);
    data.put("clientSessionName", session.name);
    data.put("sequenceNumber", session.sequence);
    if (session.clientName != null) {
      data.put("clientName", session.clientName);
    }
    if (why != null) {
      data.put("disconnectionReason", why.word);
    }
    return new LifeCycleEvent(
        namespace,
        id,
        TYPE + (why == null ? "SessionConnected" : "SessionDisconnected"),
        "clients/" + session.authenticationName + "/sessions/" + session.name,
        SYSTEM + level(session.authenticationName) + "/sessions/" + level(session.name),
        time,
        data);
  }

  /**
   * A client was registered, or changed.
   *
   * @param attributes texts, whole numbers and lists of texts
   * @param created when it was registered
   */
  public static LifeCycleEvent client(
      String namespace,
      String id,
      Instant time,
      String clientName,
      String authenticationName,
      boolean isEnabled,
      Map<String, Object> attributes,
      Instant created) {
    Map<String, Object> data = of(namespace, clientName, authenticationName);
    data.put("state", isEnabled ? "Enabled" : "Disabled");
    data.put("createdOn", created.toString());
    data.put("updatedOn", time.toString());
    data.put("attributes", attributes);
    return new LifeCycleEvent(
        namespace,
        id,
        TYPE + "CreatedOrUpdated",
        "clients/" + clientName,
        SYSTEM + level(clientName),
        time,
        data);
  }

  /** A client is not registered any more. */
  public static LifeCycleEvent deleted(
      String namespace, String id, Instant time, String clientName, String authenticationName) {
    return new LifeCycleEvent(
        namespace,
        id,
        TYPE + "Deleted",
        "clients/" + clientName,
        SYSTEM + level(clientName),
        time,
        of(namespace, clientName, authenticationName));
  }

  private static Map<String, Object> of(
      String namespace, String clientName, String authenticationName) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("namespaceName", namespace);
    data.put("clientName", clientName);
    data.put("clientAuthenticationName", authenticationName);
    return data;
  }

  private static String level(String name) {
    StringBuilder level = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if ("%/+#".indexOf(c) >= 0 || c < ' ') {
        level.append("%%%02X".formatted((int) c));
      } else {
        level.append(c);
      }
    }
    return level.toString();
  }

  /** Its attributes and its data, as filters look at them. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("specversion", "1.0");
    members.put("id", id);
    members.put("time", time.toString());
    members.put("type", type);
    members.put("source", "/namespaces/" + namespace);
    members.put("subject", subject);
    members.put("datacontenttype", "application/json");
    members.put("data", data);
    return members;
  }

  /** The event as UTF-8. */
  public byte[] json() {
    JsonText out = new JsonText(512);
    write(out, members());
    return out.toBytes();
  }

  private static void write(JsonText out, Object value) {
    if (value instanceof Map<?, ?> map) {
      String separator = "{";
      for (Map.Entry<?, ?> one : map.entrySet()) {
        out.raw(separator).string((String) one.getKey()).raw(":");
        write(out, one.getValue());
        separator = ",";
      }
      out.raw(map.isEmpty() ? "{}" : "}");
    } else if (value instanceof List<?> list) {
      String separator = "[";
      for (Object one : list) {
        out.raw(separator);
        write(out, one);
        separator = ",";
      }
      out.raw(list.isEmpty() ? "[]" : "]");
    } else if (value instanceof Number number) {
      out.raw(Long.toString(number.longValue()));
    } else {
      out.string((String) value);
    }
  }
}
