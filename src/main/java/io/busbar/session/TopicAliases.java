package io.busbar.session;

import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.ReasonCode;
import java.util.Arrays;

/** The topic aliases that a client set up (MQTT 5.0 section 3.3.2.3.4). */
public final class TopicAliases {
  private static final byte[][] NONE = {};

  private final int maximum;
  private byte[][] topics = NONE;

  /** Aliases 1 to the Topic Alias Maximum that CONNACK announced. */
  public TopicAliases(int maximum) {
    this.maximum = maximum;
  }

  /**
   * Remembers or applies the alias of a message, and refuses a message without a topic. A topic
   * that the alias is to stand for must have been found valid before the next message.
   *
   * @throws MqttException 0x94 for an alias beyond the maximum, 0x82 for one that is not set up
   */
  public void apply(Publish publish) throws MqttException {
    int alias = publish.topicAlias();
    if (alias == 0) {
      if (publish.topicLength() == 0) {
        throw new MqttException(
            ReasonCode.PROTOCOL_ERROR, "neither topic name nor topic alias [MQTT-3.3.2-1]");
      }
      return;
    }
    if (alias > maximum) {
      throw new MqttException(
          ReasonCode.TOPIC_ALIAS_INVALID,
          "topic alias is %d (allowed: 1 to %d)".formatted(alias, maximum));
    }
    if (publish.topicLength() > 0) {
      if (topics.length <= alias) {
        topics = Arrays.copyOf(topics, Math.min(maximum + 1, Math.max(alias + 1, 8)));
      }
      byte[] old = topics[alias];
      if (old == null || !sameTopic(old, publish)) {
        int from = publish.topicOffset();
        topics[alias] =
            Arrays.copyOfRange(publish.topicArray(), from, from + publish.topicLength());
      }
    } else if (alias < topics.length && topics[alias] != null) {
      publish.resolve(topics[alias]);
    } else {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR, "topic alias " + alias + " stands for no topic yet");
    }
  }

  /** The topic that an alias stands for, or null. */
  public byte[] topic(int alias) {
    return alias < topics.length ? topics[alias] : null;
  }

  private static boolean sameTopic(byte[] topic, Publish publish) {
    int from = publish.topicOffset();
    return Arrays.equals(
        topic, 0, topic.length, publish.topicArray(), from, from + publish.topicLength());
  }
}
