package io.busbar.config;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Whom nothing is sent to, whoever asks for it: addresses that mean this machine's neighbours on
 * the wire, or a cloud's own services, which trust whoever can reach them; and hosts that the
 * operator has not allowed.
 */
public final class Guard {
  private static final Set<String> METADATA =
      Set.of("168.63.129.16", "100.100.100.200", "fd00:ec2::254", "192.0.0.192");
  private static final Set<String> METADATA_NAMES =
      Set.of("metadata", "metadata.google.internal", "metadata.goog", "instance-data");

  private final List<String> allowedHosts;

  /**
   * For hosts of some names.
   *
   * @param allowedHosts names, {@code *.example.com} for all below one; none given means any
   */
  public Guard(List<String> allowedHosts) {
    this.allowedHosts = allowedHosts.stream().map(one -> one.toLowerCase(Locale.ROOT)).toList();
  }

  /** Why nothing is sent to a host of this name, or empty. */
  public Optional<String> whyNot(String host) {
    String name = bare(host);
    boolean isAllowed =
        allowedHosts.isEmpty() || allowedHosts.stream().anyMatch(one -> matches(one, name));
    if (!isAllowed) {
      return Optional.of("this host is not among those that the nodes may send to");
    }
    if (METADATA_NAMES.contains(name)) {
      return Optional.of("nothing is sent to a metadata service");
    }
    return NetUtil.createByteArrayFromIpAddressString(name) == null
        ? Optional.empty()
        : whyNotAddress(name);
  }

  private static String bare(String host) {
    String name = host.toLowerCase(Locale.ROOT);
    boolean isLiteral = name.startsWith("[") && name.endsWith("]");
    name = isLiteral ? name.substring(1, name.length() - 1) : name;
    return name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
  }

  private static boolean matches(String allowed, String name) {
    return allowed.startsWith("*.") ? name.endsWith(allowed.substring(1)) : name.equals(allowed);
  }

  /** Why nothing is sent to an address, or empty; it is looked at where a name has led to it. */
  public static Optional<String> whyNotAddress(String address) {
    byte[] bytes = NetUtil.createByteArrayFromIpAddressString(address);
    if (bytes == null) {
      return Optional.of("its address cannot be read");
    }
    try {
      InetAddress to = InetAddress.getByAddress(bytes);
      boolean isForbidden =
          to.isLinkLocalAddress()
              || to.isMulticastAddress()
              || to.isAnyLocalAddress()
              || isMetadata(to);
      return isForbidden
          ? Optional.of("nothing is sent to link-local, multicast and metadata addresses")
          : Optional.empty();
    } catch (UnknownHostException e) {
      return Optional.of("its address cannot be read");
    }
  }

  /**
   * The same, where this machine's own services, too, are nobody's business unless the operator has
   * named hosts.
   */
  public Optional<String> whyNotReached(String address) {
    Optional<String> why = whyNotAddress(address);
    boolean isOwn =
        why.isEmpty()
            && allowedHosts.isEmpty()
            && new InetSocketAddress(address, 0).getAddress().isLoopbackAddress();
    return isOwn
        ? Optional.of("nothing is sent to this machine itself unless allowedHosts names it")
        : why;
  }

  private static boolean isMetadata(InetAddress to) {
    for (String one : METADATA) {
      byte[] bytes = NetUtil.createByteArrayFromIpAddressString(one);
      if (Arrays.equals(bytes, to.getAddress())) {
        return true;
      }
    }
    return false;
  }
}
