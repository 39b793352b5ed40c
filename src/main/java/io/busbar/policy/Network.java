package io.busbar.policy;

import java.util.Arrays;
import java.util.List;

/**
 * From which addresses clients may come (publicNetworkAccess and inboundIpRules of a namespace).
 *
 * @param isPublic whether from everywhere; else only from this machine and from private networks,
 *     which stand for private endpoints here
 * @param allowed if there are any, one of these ranges has to have the address, too; 16 at most
 */
public record Network(boolean isPublic, List<Range> allowed) {
  /** From everywhere. */
  public static final Network OPEN = new Network(true, List.of());

  private static final int MAX_RANGES = 16;
  private static final List<Range> PRIVATE =
      List.of(
          range(8, 127),
          range(8, 10),
          range(12, 172, 16),
          range(16, 192, 168),
          range(16, 169, 254),
          range(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
          range(7, 0xfc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
          range(10, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));

  /**
   * Copies the list, so that a network does not change.
   *
   * @throws PolicyException if there are too many ranges
   */
  public Network {
    allowed = List.copyOf(allowed);
    if (allowed.size() > MAX_RANGES) {
      throw new PolicyException(
          "inboundIpRules", allowed.size() + " (allowed: up to " + MAX_RANGES + ")");
    }
  }

  private static Range range(int prefix, int... bytes) {
    byte[] address = new byte[bytes.length <= 4 ? 4 : 16];
    for (int i = 0; i < bytes.length; i++) {
      address[i] = (byte) bytes[i];
    }
    return new Range(address, prefix);
  }

  /** Whether a client may come from an address of 4 or 16 bytes. */
  public boolean allows(byte[] address) {
    return (isPublic || has(PRIVATE, address)) && (allowed.isEmpty() || has(allowed, address));
  }

  private static boolean has(List<Range> ranges, byte[] address) {
    return ranges.stream().anyMatch(range -> range.has(address));
  }

  /**
   * Addresses that begin with the same bits.
   *
   * @param prefix how many bits that are
   */
  public record Range(byte[] address, int prefix) {
    /**
     * Judges and copies the values.
     *
     * @throws PolicyException if an address has no so many bits
     */
    public Range {
      address = address.clone();
      if (prefix < 0 || prefix > address.length * 8) {
        throw new PolicyException(
            "inboundIpRules", "/%d (allowed: /0 to /%d)".formatted(prefix, address.length * 8));
      }
    }

    private boolean has(byte[] other) {
      if (other.length != address.length) {
        return false;
      }
      for (int bit = 0; bit < prefix; bit++) {
        int mask = 0x80 >> (bit & 7);
        if (((address[bit >> 3] ^ other[bit >> 3]) & mask) != 0) {
          return false;
        }
      }
      return true;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Range range
          && range.prefix == prefix
          && Arrays.equals(range.address, address);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(address) * 31 + prefix;
    }
  }
}
