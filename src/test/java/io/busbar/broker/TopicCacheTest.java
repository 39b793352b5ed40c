package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.ReasonCode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TopicCacheTest {
  private static final int MOST = 1 << 14;
  private final Topic.Cache cache = new Topic.Cache(MOST, 2_000, 5);

  private Topic find(String name) throws MqttException {
    // neither at the beginning nor at the end of its array, as in a packet
    byte[] bytes = ("0+" + name + "#").getBytes(StandardCharsets.UTF_8);
    return cache.find(bytes, 2, bytes.length - 3);
  }

  private static void isNamed(Topic topic, String name) {
    assertThat(new String(topic.name, StandardCharsets.UTF_8)).isEqualTo(name);
  }

  @Test
  void knowsATopicAgain() throws MqttException {
    Topic topic = find("a/b");
    isNamed(topic, "a/b");
    assertThat(find("a/b")).isSameAs(topic);
    assertThat(find("a/c")).isNotSameAs(topic);
    assertThat(find("a/b")).isSameAs(topic);
  }

  @Test
  void keepsMostOfThemWhileItGrows() throws MqttException {
    List<Topic> topics = new ArrayList<>();
    for (int i = 0; i < MOST / 4; i++) {
      topics.add(find("t/" + i));
    }
    int known = 0;
    for (int i = 0; i < topics.size(); i++) {
      Topic again = find("t/" + i);
      isNamed(again, "t/" + i);
      known += again == topics.get(i) ? 1 : 0;
    }
    assertThat(known).isGreaterThan(topics.size() * 8 / 10);
  }

  @Test
  void holdsNoMoreThanItMay() throws MqttException {
    Topic[] topics = new Topic[20 * MOST];
    for (int i = 0; i < topics.length; i++) {
      topics[i] = find("t/" + i);
      isNamed(topics[i], "t/" + i);
    }
    assertThat(cache.size()).isEqualTo(MOST);
    int known = 0;
    for (int i = topics.length - 1; i >= 0; i--) {
      known += find("t/" + i) == topics[i] ? 1 : 0;
    }
    assertThat(known).isBetween(MOST / 4, MOST);
  }

  /** Long names are bounded by their bytes before their number. */
  @Test
  void doesNotGrowWithLongNames() throws MqttException {
    Topic.Cache large = new Topic.Cache(1 << 18, 2_000, 5);
    String filler = "x".repeat(500);
    for (int i = 0; i < 60_000; i++) {
      byte[] name = (i + "/" + filler).getBytes(StandardCharsets.UTF_8);
      large.find(name, 0, name.length);
    }
    // 8 MiB of names are 16,600 of them; a table of twice that has grown once more just before
    assertThat(large.size()).isEqualTo(1 << 16);
  }

  @Test
  void letsGoOfRoutesThatAreNotAskedForSinceAChange() throws Exception {
    Route route = new Route.Builder(null).build();
    List<Topic> topics = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Topic topic = find("t/" + i);
      topic.route = route;
      topic.checked = i < 50 ? 7 : 8;
      topics.add(topic);
    }
    for (int i = 0; i < Topic.Cache.SLICES; i++) {
      cache.sweep(8);
    }
    assertThat(topics.subList(0, 50)).allMatch(topic -> topic.route == null);
    assertThat(topics.subList(50, 100)).allMatch(topic -> topic.route == route);
    assertThat(find("t/0")).isSameAs(topics.get(0));
  }

  @Test
  void forgetsTopicsThatNobodyUses_andHasTheirPlacesForOthers() throws Exception {
    List<Topic> topics = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      Topic topic = find("t/" + i);
      topic.route = new Route.Builder(null).build();
      topic.checked = i < 100 ? 7 : 8;
      topics.add(topic);
    }
    int size = cache.size();
    for (int i = 0; i < 2 * Topic.Cache.SLICES; i++) {
      cache.sweep(8);
    }
    for (int i = 0; i < 200; i++) {
      assertThat(find("t/" + i) == topics.get(i)).isEqualTo(i >= 100);
    }
    assertThat(cache.size()).isEqualTo(size);
  }

  @Test
  void doesNotGrowByTopicsOfThePast() throws MqttException {
    Topic.Cache large = new Topic.Cache(1 << 18, 2_000, 5);
    for (int round = 0; round < 100; round++) {
      for (int i = 0; i < 500; i++) {
        byte[] name = (round + "/" + i).getBytes(StandardCharsets.UTF_8);
        large.find(name, 0, name.length);
      }
      for (int i = 0; i < 2 * Topic.Cache.SLICES; i++) {
        large.sweep(round);
      }
    }
    assertThat(large.size()).isLessThanOrEqualTo(1 << 10);
  }

  @Test
  void doesNotKeepTheLongest() throws MqttException {
    String name = "a".repeat(513);
    Topic topic = find(name);
    isNamed(topic, name);
    assertThat(find(name)).isNotSameAs(topic);
    String shorter = "a".repeat(512);
    assertThat(find(shorter)).isSameAs(find(shorter));
  }

  @Test
  void refusesWhatIsNoName() {
    refused("a/+", ReasonCode.TOPIC_NAME_INVALID);
    refused("#", ReasonCode.TOPIC_NAME_INVALID);
    refused("", ReasonCode.TOPIC_NAME_INVALID);
    refused("1/2/3/4/5/6", ReasonCode.TOPIC_NAME_INVALID);
    refused("a".repeat(2_001), ReasonCode.TOPIC_NAME_INVALID);
    refused("a\0", ReasonCode.MALFORMED_PACKET);
    refused("a".repeat(2_001) + "\0", ReasonCode.MALFORMED_PACKET);
  }

  private void refused(String name, ReasonCode reason) {
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> find(name))
          .isInstanceOfSatisfying(
              MqttException.class, e -> assertThat(e.reason()).isEqualTo(reason));
    }
  }
}
