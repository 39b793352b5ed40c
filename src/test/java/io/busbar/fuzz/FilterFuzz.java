package io.busbar.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.match.SubscriptionIndex;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.Publish;
import io.busbar.mqtt.Topics;
import io.busbar.mqtt.Utf8;
import io.busbar.shard.Retained;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The data is lines, each a topic name, a topic filter, both or neither. Names are matched with
 * filters one by one, by the index while subscriptions come and go, and by reading what is retained
 * for the names in small pages; {@link SlowTopics} says what must come out.
 */
public final class FilterFuzz {
  private static final int LINES = 24;
  private static final int LENGTH = 64;
  private static final int LEVELS = 4;

  private FilterFuzz() {}

  /** Throws if the product and the model disagree. */
  public static void fuzzerTestOneInput(byte[] data) {
    // as sets: a topic is retained once, a subscriber is under a filter once
    Set<String> names = new TreeSet<>();
    Set<String> filters = new TreeSet<>();
    for (byte[] line : SlowTopics.lines(data, LINES, LENGTH)) {
      String text = SlowTopics.text(line);
      grammar(line, text);
      if (text != null && SlowTopics.isName(text)) {
        names.add(text);
      }
      if (text != null && SlowTopics.isFilter(text)) {
        filters.add(text);
      }
    }
    for (String filter : filters) {
      for (String name : names) {
        byte[] topic = bytes("/" + name + "/");
        assertThat(Topics.matches(bytes(filter), topic, 1, topic.length - 2))
            .as("'%s' matches '%s'", filter, name)
            .isEqualTo(SlowTopics.matches(filter, name));
      }
    }
    index(List.copyOf(filters), names);
    retained(filters, names);
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static void grammar(byte[] line, String text) {
    byte[] around = new byte[line.length + 2];
    around[0] = '#';
    around[around.length - 1] = (byte) 0x80;
    System.arraycopy(line, 0, around, 1, line.length);
    assertThat(Utf8.isValid(around, 1, line.length)).as("UTF-8").isEqualTo(text != null);
    boolean name = text != null && SlowTopics.isName(text);
    boolean filter = text != null && SlowTopics.isFilter(text);
    boolean deep = text != null && SlowTopics.levels(text).size() > LEVELS;
    int most = Integer.MAX_VALUE;
    assertThat(Topics.nameError(around, 1, line.length, most) == null).as(text).isEqualTo(name);
    assertThat(Topics.filterError(around, 1, line.length, most) == null).as(text).isEqualTo(filter);
    assertThat(Topics.nameError(around, 1, line.length, LEVELS) == null)
        .as("at most %s levels: %s", LEVELS, text)
        .isEqualTo(name && !deep);
    assertThat(Topics.filterError(around, 1, line.length, LEVELS) == null)
        .as("at most %s levels: %s", LEVELS, text)
        .isEqualTo(filter && !deep);
    if (filter) {
      assertThat(Topics.hasWildcard(line)).isEqualTo(!name);
    }
  }

  // --- the index ---

  /** What was matched for a topic, and when. */
  private record Matched(long changes, long generation, List<String> filters) {}

  private static void index(List<String> filters, Set<String> names) {
    SubscriptionIndex<String> index = new SubscriptionIndex<>();
    Map<String, Matched> cache = new HashMap<>();
    Set<String> there = new HashSet<>();
    for (String filter : filters) {
      assertThat(index.contains(bytes(filter))).isFalse();
      assertThat(index.add(bytes(filter), filter)).isTrue();
      there.add(filter);
      matched(index, there, names, cache);
    }
    // every second goes, then the rest
    List<String> going = new ArrayList<>(filters);
    going.sort(Comparator.comparingInt(filter -> filters.indexOf(filter) % 2));
    for (String filter : going) {
      assertThat(index.contains(bytes(filter))).isTrue();
      assertThat(index.remove(bytes(filter), filter)).isTrue();
      assertThat(index.remove(bytes(filter), filter)).isFalse();
      there.remove(filter);
      matched(index, there, names, cache);
    }
    assertThat(index.filters()).isZero();
    assertThat(index.subscriptions()).isZero();
  }

  private static void matched(
      SubscriptionIndex<String> index,
      Set<String> there,
      Set<String> names,
      Map<String, Matched> cache) {
    assertThat(index.filters()).isEqualTo(there.size());
    int[] stripes = new int[SubscriptionIndex.DEPTHS];
    for (String name : names) {
      byte[] topic = bytes("+" + name + "/");
      List<String> found = new ArrayList<>();
      index.match(topic, 1, topic.length - 2, found::add);
      found.sort(null);
      List<String> expected =
          there.stream().filter(filter -> SlowTopics.matches(filter, name)).sorted().toList();
      assertThat(found).as("matches of '%s' among %s", name, there).isEqualTo(expected);
      index.stripes(topic, 1, topic.length - 2, stripes);
      Matched now = new Matched(index.changes(), index.generation(stripes), expected);
      Matched before = cache.put(name, now);
      if (before != null && before.generation() == now.generation()) {
        // who kept the result would go on using it
        assertThat(before.filters()).as("kept for '%s'", name).isEqualTo(expected);
      } else if (before != null) {
        assertThat(now.changes()).as("changes").isGreaterThan(before.changes());
      }
    }
  }

  // --- what is retained ---

  private static void retained(Set<String> filters, Set<String> names) {
    Retained retained = new Retained(LINES, 1 << 20);
    for (String name : names) {
      assertThat(retained.put(publish(name), Long.MAX_VALUE)).isTrue();
    }
    assertThat(retained.size()).isEqualTo(names.size());
    pages(retained, filters, names);
    Set<String> left = new TreeSet<>(names);
    int i = 0;
    for (String name : names) {
      if (i++ % 2 == 0) {
        byte[] topic = bytes(name);
        assertThat(retained.remove(topic, 0, topic.length)).isTrue();
        left.remove(name);
      }
    }
    pages(retained, filters, left);
  }

  private static void pages(Retained retained, Set<String> filters, Set<String> names) {
    for (String filter : filters) {
      List<String> expected =
          names.stream().filter(name -> SlowTopics.matches(filter, name)).sorted().toList();
      for (int most : new int[] {1, 3, LINES}) {
        List<String> found = new ArrayList<>();
        byte[] after = null;
        int pages = 0;
        do {
          Retained.Page page = retained.read(bytes(filter), after, most, Long.MAX_VALUE, 0);
          assertThat(page.packets()).hasSizeLessThanOrEqualTo(most);
          page.packets().forEach(packet -> found.add(topic(packet)));
          after = page.next();
          assertThat(++pages).as("pages of '%s'", filter).isLessThanOrEqualTo(names.size() + 1);
        } while (after != null);
        found.sort(null);
        assertThat(found).as("'%s' of %s, %s a page", filter, names, most).isEqualTo(expected);
      }
    }
  }

  private static byte[] publish(String topic) {
    ByteBuf out = Unpooled.buffer();
    Encoder.publish(out, MqttVersion.V5, topic, 1, 0, new byte[] {1}, new PropertyWriter());
    return ByteBufUtil.getBytes(out);
  }

  private static String topic(byte[] packet) {
    Publish publish = new Publish();
    try {
      publish.parse(packet, 0, packet.length, MqttVersion.V5);
    } catch (MqttException e) {
      throw new AssertionError(Arrays.toString(packet), e);
    }
    return publish.topic();
  }
}
