package io.busbar.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AliasAssignerTest {
  private static byte[] topic(int i) {
    return ("topic/" + i).getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aTopicGetsAnAliasWhenItIsSentAgain() {
    AliasAssigner aliases = new AliasAssigner(1);
    assertThat(aliases.assign(topic(1), 1)).isZero();
    assertThat(aliases.assign(topic(1), 1)).isEqualTo(1);
    assertThat(aliases.assign(topic(1), 1)).isEqualTo(-1);
  }

  @Test
  void theClientReadsTheTopicThatWasMeant() {
    for (int seed = 0; seed < 100; seed++) {
      Random random = new Random(seed);
      int maximum = 1 + random.nextInt(40);
      AliasAssigner aliases = new AliasAssigner(maximum);
      int[] known = new int[maximum + 1];
      int topics = 1 + random.nextInt(200);
      for (int i = 0; i < 5_000; i++) {
        // some are sent more often than others
        int topic = Math.min(random.nextInt(topics), random.nextInt(topics));
        int alias = aliases.assign(topic(topic), topic * 31);
        assertThat(Math.abs(alias)).isLessThanOrEqualTo(maximum);
        if (alias > 0) {
          known[alias] = topic;
        } else if (alias < 0) {
          assertThat(known[-alias]).as("seed %d", seed).isEqualTo(topic);
        }
      }
    }
  }

  @Test
  void aTopicThatIsSentOftenKeepsItsAlias_whateverPassesBy() {
    AliasAssigner aliases = new AliasAssigner(4);
    Random random = new Random(1);
    int short1 = 0;
    for (int i = 0; i < 10_000; i++) {
      short1 += aliases.assign(topic(0), 0) < 0 ? 1 : 0;
      int other = 1 + random.nextInt(1_000_000);
      aliases.assign(topic(other), other);
    }
    assertThat(short1).isGreaterThan(9_500);
  }
}
