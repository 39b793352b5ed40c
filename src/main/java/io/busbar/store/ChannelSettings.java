package io.busbar.store;

import io.busbar.config.Settings;
import java.util.Optional;

/**
 * What the channel between the nodes' groups is configured to be.
 *
 * @param host where it listens
 * @param port where it listens; 0 takes any free one
 * @param tls keys and whom to trust; without, everything is clear text and whoever knows the
 *     cluster id is believed: for loopback only
 * @param frameBytes the longest body of a frame, in either direction
 * @param queueBytes what waits for one peer at most, written to the socket or not; at least one
 *     frame
 * @param heartbeatMillis how often a connection that carries nothing else says that it is there
 * @param silenceMillis how long a peer may say nothing, not even that; several heartbeats
 * @param retryLeastMillis the wait before the second try to reach a peer; it doubles
 * @param retryMostMillis the longest wait between two tries
 */
public record ChannelSettings(
    String host,
    int port,
    Optional<Settings.PeerTls> tls,
    int frameBytes,
    int queueBytes,
    int heartbeatMillis,
    int silenceMillis,
    int retryLeastMillis,
    int retryMostMillis) {
  private static final int MAX_FRAME_BYTES = 1 << 30;
  private static final int FRAME_BYTES = 16 << 20;

  /** Refuses what cannot work. */
  public ChannelSettings {
    require(frameBytes > 0 && frameBytes <= MAX_FRAME_BYTES, "frameBytes", frameBytes);
    require(queueBytes - Frame.HEADER_BYTES >= frameBytes, "queueBytes", queueBytes);
    require(heartbeatMillis >= 2, "heartbeatMillis", heartbeatMillis);
    require(silenceMillis >= 2 * heartbeatMillis, "silenceMillis", silenceMillis);
    require(retryLeastMillis > 0, "retryLeastMillis", retryLeastMillis);
    require(retryMostMillis >= retryLeastMillis, "retryMostMillis", retryMostMillis);
  }

  /**
   * Usual bounds: frames of 16 MB, or more if they must be, four such for each peer; a silent peer
   * is given up after 3 s, one that is lost is looked for at least twice a second.
   *
   * @param leastFrameBytes what a frame must be able to carry
   */
  public static ChannelSettings of(
      String host, int port, Optional<Settings.PeerTls> tls, int leastFrameBytes) {
    int frameBytes = Math.max(FRAME_BYTES, leastFrameBytes);
    int queueBytes = (int) Math.min(Integer.MAX_VALUE, 4L * frameBytes);
    return new ChannelSettings(host, port, tls, frameBytes, queueBytes, 1_000, 3_000, 50, 500);
  }

  private static void require(boolean holds, String name, int value) {
    if (!holds) {
      throw new IllegalArgumentException("%s: %d is out of bounds".formatted(name, value));
    }
  }
}
