package io.busbar.policy;

import io.busbar.policy.NamespaceSettings.NameSource;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.security.auth.x500.X500Principal;

/** Whom a certificate names: its subject, and its alternative names (RFC 5280 section 4.2.1.6). */
final class SubjectNames {
  private static final int EMAIL = 1;
  private static final int DNS = 2;
  private static final int URI = 6;
  private static final int IP = 7;
  private static final int IPV6_GROUPS = 8;

  private SubjectNames() {}

  /** The names in a place of a certificate, in its order; none that is not whole. */
  static List<String> in(NameSource source, X509Certificate certificate) {
    return switch (source) {
      case CLIENT_CERTIFICATE_SUBJECT -> commonName(certificate).map(List::of).orElse(List.of());
      case CLIENT_CERTIFICATE_DNS -> alternatives(certificate, DNS);
      case CLIENT_CERTIFICATE_URI -> alternatives(certificate, URI);
      case CLIENT_CERTIFICATE_IP -> alternatives(certificate, IP);
      case CLIENT_CERTIFICATE_EMAIL -> alternatives(certificate, EMAIL);
    };
  }

  /** Whether a certificate has an authentication name in the place where it must be. */
  static boolean names(NameSource source, X509Certificate certificate, String expected) {
    if (source == NameSource.CLIENT_CERTIFICATE_SUBJECT) {
      X500Principal subject = certificate.getSubjectX500Principal();
      return commonName(certificate).filter(name -> isSame(name, expected)).isPresent()
          || distinguishedName(expected).filter(subject::equals).isPresent();
    }
    return in(source, certificate).stream()
        .anyMatch(
            name ->
                isSame(name, expected)
                    || (source == NameSource.CLIENT_CERTIFICATE_IP
                        && isSameAddress(name, expected)));
  }

  private static boolean isSame(String one, String other) {
    return Text.fold(one).equals(Text.fold(other));
  }

  private static List<String> alternatives(X509Certificate certificate, int type) {
    List<String> names = new ArrayList<>();
    try {
      Collection<List<?>> all = certificate.getSubjectAlternativeNames();
      for (List<?> one : all == null ? List.<List<?>>of() : all) {
        // U+0000 ends a shorter name for other software
        if (one.get(0).equals(type)
            && one.get(1) instanceof String name
            && name.indexOf('\0') < 0) {
          names.add(name);
          if (type == IP && name.indexOf(':') >= 0) {
            names.add(shortened(address(name)));
          }
        }
      }
    } catch (CertificateParsingException e) {
      return List.of();
    }
    return names;
  }

  // --- addresses ---

  private static boolean isSameAddress(String one, String other) {
    byte[] address = address(one);
    return address != null && Arrays.equals(address, address(other));
  }

  /** The bytes of an IPv4 or IPv6 address, or null for what is none. */
  static byte[] address(String text) {
    if (text.indexOf(':') < 0) {
      return v4(text);
    }
    int gap = text.indexOf("::");
    if (gap < 0) {
      int[] groups = groups(text);
      return groups != null && groups.length == IPV6_GROUPS ? v6(groups, new int[0]) : null;
    }
    if (text.indexOf("::", gap + 1) >= 0) {
      return null;
    }
    int[] head = groups(text.substring(0, gap));
    int[] tail = groups(text.substring(gap + 2));
    return head == null || tail == null || head.length + tail.length >= IPV6_GROUPS
        ? null
        : v6(head, tail);
  }

  /** An IPv6 address as people write it (RFC 5952): the longest run of zeros is left out. */
  static String shortened(byte[] address) {
    String[] groups = new String[IPV6_GROUPS];
    int from = 0;
    int length = 0;
    int zeros = 0;
    for (int i = 0; i < IPV6_GROUPS; i++) {
      int value = (address[2 * i] & 0xff) << 8 | (address[2 * i + 1] & 0xff);
      groups[i] = Integer.toHexString(value);
      zeros = value == 0 ? zeros + 1 : 0;
      if (zeros > length) {
        length = zeros;
        from = i - zeros + 1;
      }
    }
    if (length < 2) {
      return String.join(":", groups);
    }
    return String.join(":", Arrays.copyOfRange(groups, 0, from))
        + "::"
        + String.join(":", Arrays.copyOfRange(groups, from + length, IPV6_GROUPS));
  }

  private static byte[] v4(String text) {
    String[] parts = text.split("\\.", -1);
    byte[] address = new byte[4];
    if (parts.length != address.length) {
      return null;
    }
    for (int i = 0; i < address.length; i++) {
      if (!parts[i].matches("[0-9]{1,3}") || Integer.parseInt(parts[i]) > 255) {
        return null;
      }
      address[i] = (byte) Integer.parseInt(parts[i]);
    }
    return address;
  }

  private static int[] groups(String text) {
    if (text.isEmpty()) {
      return new int[0];
    }
    String[] parts = text.split(":", -1);
    int[] groups = new int[parts.length];
    for (int i = 0; i < parts.length; i++) {
      if (!parts[i].matches("[0-9a-fA-F]{1,4}")) {
        return null;
      }
      groups[i] = Integer.parseInt(parts[i], 16);
    }
    return groups;
  }

  private static byte[] v6(int[] head, int[] tail) {
    byte[] address = new byte[2 * IPV6_GROUPS];
    for (int i = 0; i < head.length; i++) {
      put(address, i, head[i]);
    }
    for (int i = 0; i < tail.length; i++) {
      put(address, IPV6_GROUPS - tail.length + i, tail[i]);
    }
    return address;
  }

  private static void put(byte[] address, int group, int value) {
    address[2 * group] = (byte) (value >> 8);
    address[2 * group + 1] = (byte) value;
  }

  // --- subjects ---

  /** The CN of a certificate that has exactly one. */
  static Optional<String> commonName(X509Certificate certificate) {
    List<String> names = commonNames(certificate);
    return names.size() == 1 ? Optional.of(names.get(0)) : Optional.empty();
  }

  /** An authentication name read as a distinguished name (RFC 2253), if it is one. */
  static Optional<X500Principal> distinguishedName(String authenticationName) {
    if (authenticationName.indexOf('=') < 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(new X500Principal(authenticationName));
    } catch (IllegalArgumentException notOne) {
      return Optional.empty();
    }
  }

  /**
   * All CN of a subject. One that is no text or contains U+0000, which other software reads as the
   * end of a shorter name, counts as two: it never is the only one.
   */
  private static List<String> commonNames(X509Certificate certificate) {
    List<String> names = new ArrayList<>();
    try {
      LdapName subject = new LdapName(certificate.getSubjectX500Principal().getName());
      for (Rdn rdn : subject.getRdns()) {
        Attribute attribute = rdn.toAttributes().get("CN");
        if (attribute == null) {
          continue;
        }
        NamingEnumeration<?> values = attribute.getAll();
        while (values.hasMore()) {
          if (values.next() instanceof String text && text.indexOf('\0') < 0) {
            names.add(text);
          } else {
            names.add("");
            names.add("");
          }
        }
      }
    } catch (NamingException e) {
      return List.of();
    }
    return names;
  }
}
