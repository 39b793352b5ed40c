package io.busbar.store;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * Who a data directory is. A node is its disk: a wiped one is another node.
 *
 * @param disk of its own, made with the directory
 * @param name of the node when it was made, empty in a directory of form 1: another disk of a node
 *     of this name takes its place
 * @param cluster the cluster's id, empty while it belongs to none
 * @param created when it was made
 * @param shards of the cluster
 * @param groups that hold the shards; a shard's group never changes
 * @param starts how often it was opened, this time included: the incarnation of the node
 */
public record Identity(
    UUID disk, String name, String cluster, Instant created, int shards, int groups, long starts) {
  /** The form that this version writes, and the highest it reads. */
  static final int FORMAT = 2;

  /** The first form that has a name. */
  private static final int NAMED_FORMAT = 2;

  private static final int MOST_CLUSTER = 64;
  private static final String SUM = "crc32c=";

  /** Checks the values. */
  public Identity {
    if (!isCluster(cluster)) {
      throw new IllegalArgumentException("a cluster id of up to 64 characters A-Za-z0-9._-");
    }
    if (!name.matches("[A-Za-z0-9._-]{0,128}")) {
      throw new IllegalArgumentException("a node's name of up to 128 characters A-Za-z0-9._-");
    }
    if (shards < 1 || groups < 1 || starts < 1) {
      throw new IllegalArgumentException("shards, groups and starts are at least 1");
    }
  }

  /** Whether this may be a cluster's id; an empty one stands for none. */
  public static boolean isCluster(String cluster) {
    return cluster.length() <= MOST_CLUSTER && cluster.matches("[A-Za-z0-9._-]*");
  }

  /** Who the node with this disk is in the store's groups. */
  NodeEndpoint node() {
    return NodeEndpoint.of(name, disk.toString());
  }

  /** The same, opened once more. */
  Identity startedAgain() {
    return new Identity(disk, name, cluster, created, shards, groups, starts + 1);
  }

  /** The same, in a cluster. */
  Identity in(String joined) {
    return new Identity(disk, name, joined, created, shards, groups, starts);
  }

  /** The same node with another disk, started for the first time. */
  Identity renewed() {
    return new Identity(UUID.randomUUID(), name, cluster, created, shards, groups, 1);
  }

  /** As lines that a person can read. */
  String text() {
    String lines =
        ("format=" + FORMAT + "\n")
            + ("disk=" + disk + "\n")
            + ("name=" + name + "\n")
            + ("cluster=" + cluster + "\n")
            + ("created=" + created + "\n")
            + ("shards=" + shards + "\n")
            + ("groups=" + groups + "\n")
            + ("starts=" + starts + "\n");
    return lines + SUM + sum(lines) + "\n";
  }

  /**
   * The format that a text states, 0 if it states none: what else it holds can be read only if this
   * is not above {@link #FORMAT}.
   */
  static int format(String text) {
    String first = text.lines().findFirst().orElse("");
    boolean states = first.matches("format=[0-9]{1,9}");
    return states ? Integer.parseInt(first.substring(first.indexOf('=') + 1)) : 0;
  }

  /**
   * Reads what {@link #text} made.
   *
   * @throws IllegalArgumentException if it is anything else
   */
  static Identity of(String text) {
    int sum = text.lastIndexOf(SUM);
    if (sum < 0 || !text.substring(sum).equals(SUM + sum(text.substring(0, sum)) + "\n")) {
      throw new IllegalArgumentException("its checksum is wrong");
    }
    try {
      return new Identity(
          UUID.fromString(value(text, "disk")),
          format(text) < NAMED_FORMAT ? "" : value(text, "name"),
          value(text, "cluster"),
          Instant.parse(value(text, "created")),
          Integer.parseInt(value(text, "shards")),
          Integer.parseInt(value(text, "groups")),
          Long.parseLong(value(text, "starts")));
    } catch (DateTimeException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private static String value(String text, String name) {
    return text.lines()
        .filter(line -> line.startsWith(name + "="))
        .findFirst()
        .map(line -> line.substring(name.length() + 1))
        .orElseThrow(() -> new IllegalArgumentException("it has no " + name));
  }

  private static String sum(String lines) {
    CRC32C crc = new CRC32C();
    crc.update(ByteBuffer.wrap(lines.getBytes(StandardCharsets.UTF_8)));
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }
}
