package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Limit;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What must hold however close two nodes are in time; three nodes that have one store. */
@Timeout(180)
class ClusterRacesIT {
  private static final int ROUNDS = 1_000;

  @RegisterExtension
  static final TestNode NODES =
      TestNode.with(1, Profile.OPEN, Map.of(Limit.MAX_CONNECTIONS, 5_000L)).nodes(3);

  private static RawClient at(int node) throws IOException {
    NODES.port(Settings.Protocol.MQTT, node);
    return NODES.open(Transport.TCP, MqttVersion.V5);
  }

  /** A message that is published anywhere after SUBACK comes, whoever keeps the session. */
  @ParameterizedTest
  @ValueSource(longs = {0, 600})
  void whatIsPublishedAtAnotherNodeAfterSubackComes(long expiry) throws IOException {
    RawClient subscriber = at(0);
    subscriber.resume("at-once-" + expiry, expiry);
    List<RawClient> publishers = List.of(at(1), at(2));
    for (int i = 0; i < publishers.size(); i++) {
      publishers.get(i).connect("at-once-" + expiry + "-from-" + i);
    }
    for (int i = 0; i < 5 * ROUNDS; i++) {
      String topic = "at-once/" + expiry + "/" + i;
      assertThat(subscriber.subscribe(topic, 1)).isEqualTo(1);
      RawClient publisher = publishers.get(i % 2);
      assertThat(publisher.publishAcked(topic, "m" + i)).isEqualTo(ReasonCode.SUCCESS);
      try {
        subscriber.puback(subscriber.expectMessage("m" + i));
      } catch (SocketTimeoutException e) {
        throw new AssertionError("lost in round " + i, e);
      }
      if (i % 100 == 99) {
        List<String> filters =
            IntStream.rangeClosed(i - 99, i).mapToObj(n -> "at-once/" + expiry + "/" + n).toList();
        subscriber.unsubscribe(filters);
      }
    }
  }

  /**
   * Two connections for one session at two nodes at the same instant: one of them has it in the
   * end, and the other is told why it has not.
   */
  @ParameterizedTest
  @ValueSource(longs = {0, 600})
  void ofTwoThatWantASessionAtOnceOneHasIt(long expiry) throws Exception {
    ExecutorService racers = Executors.newFixedThreadPool(2);
    CyclicBarrier start = new CyclicBarrier(2);
    try {
      for (int round = 0; round < ROUNDS / 2; round++) {
        String session = "raced-" + expiry + "-" + round % 50;
        RawClient one = at(round % 3);
        RawClient other = at((round + 1) % 3);
        List<Callable<Integer>> both =
            List.of(
                () -> race(one, session, expiry, start), () -> race(other, session, expiry, start));
        List<Future<Integer>> codes = racers.invokeAll(both);
        int first = codes.get(0).get(30, TimeUnit.SECONDS);
        int second = codes.get(1).get(30, TimeUnit.SECONDS);
        // who was not let in yet is told the same as who was for a while
        assertThat(List.of(first, second)).as("codes of CONNACK").containsOnly(0);
        boolean isOnes = isAlive(one);
        boolean isOthers = isAlive(other);
        assertThat(isOnes ^ isOthers).as("round %d: %s, %s", round, isOnes, isOthers).isTrue();
        (isOnes ? one : other).send(new byte[] {(byte) 0xe0, 0});
        one.close();
        other.close();
      }
    } finally {
      racers.shutdownNow();
    }
  }

  private static int race(RawClient client, String session, long expiry, CyclicBarrier start)
      throws Exception {
    byte[] connect =
        client.connectPacket(
            session, 0, new PropertyWriter().number(Property.SESSION_EXPIRY_INTERVAL, expiry));
    start.await(10, TimeUnit.SECONDS);
    client.send(connect);
    return client.read(Packet.Connack.class).code();
  }

  /** Whether a connection answers; one that does not was told that it was taken over. */
  private static boolean isAlive(RawClient client) throws IOException {
    client.sendUnlessClosed(new byte[] {(byte) 0xc0, 0});
    Packet packet = client.read();
    if (packet instanceof Packet.Disconnect told) {
      assertThat(told.reason()).isEqualTo(ReasonCode.SESSION_TAKEN_OVER);
      return false;
    }
    return true;
  }
}
