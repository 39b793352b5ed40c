package io.busbar.policy;

import io.busbar.mqtt.ReasonCode;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.cert.X509CRL;
import java.security.cert.X509CRLEntry;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.security.auth.x500.X500Principal;

/**
 * Which certificates their issuers have revoked, as their lists say (RFC 5280 section 5), and
 * others who were asked. A list counts if its issuer signed it: one that is registered, or that
 * stood in a chain which led to one. For one thread.
 */
public final class Revocations {
  /** Issuers that are remembered. */
  private static final int MAX_ISSUERS = 1_000;

  /** A list of what changed since another list says nothing of the rest. */
  private static final String DELTA = "2.5.29.27";

  /** Of the key's usages (RFC 5280 section 4.2.1.3). */
  private static final int CRL_SIGN = 6;

  private final boolean isRequired;
  private final boolean isOnline;
  private final Map<X500Principal, Set<PublicKey>> issuers = new HashMap<>();
  private List<X509CRL> lists = List.of();

  /** Those of {@link #lists} that count, by who issued them. */
  private final Map<X500Principal, List<X509CRL>> proved = new HashMap<>();

  /** What others said than lists: since when, and why. */
  private final Map<Issued, String> told = new HashMap<>();

  /** By what a certificate is named: who issued it, by which key, and the number that it gave. */
  public record Issued(X500Principal issuer, PublicKey key, BigInteger serial) {
    /** By what a certificate is named that somebody issued. */
    public static Issued by(X509Certificate issuer, X509Certificate certificate) {
      // the issuer's own objects: all that it issued have the same
      return new Issued(
          issuer.getSubjectX500Principal(), issuer.getPublicKey(), certificate.getSerialNumber());
    }

    private String describe() {
      return "certificate %s of %s".formatted(serial.toString(16), Text.quote(issuer.getName()));
    }
  }

  /**
   * Without any list.
   *
   * @param isRequired whether a certificate is not trusted of which nobody says that it is not
   *     revoked
   * @param isOnline whether those are asked whom certificates name
   */
  public Revocations(boolean isRequired, boolean isOnline) {
    this.isRequired = isRequired;
    this.isOnline = isOnline;
  }

  /** The same, where nobody is asked. */
  public Revocations(boolean isRequired) {
    this(isRequired, false);
  }

  /** Whether those are asked whom certificates name. */
  boolean isOnline() {
    return isOnline;
  }

  /**
   * What was said of a certificate.
   *
   * @return whether it is revoked from now on, and was not
   */
  public boolean is(Issued certificate, CertificateStatus status) {
    if (status instanceof CertificateStatus.Revoked revoked) {
      return told.put(certificate, revoked.why()) == null;
    }
    told.remove(certificate);
    return false;
  }

  /** Nothing is known of it any more but what lists say. */
  public void forget(Issued certificate) {
    told.remove(certificate);
  }

  /** From now on these are the lists. */
  public void are(List<X509CRL> now) {
    lists = List.copyOf(now);
    proved.clear();
    lists.forEach(this::judge);
  }

  private void judge(X509CRL list) {
    X500Principal name = list.getIssuerX500Principal();
    // one that nobody known has signed does not count
    if (issuers.getOrDefault(name, Set.of()).stream().anyMatch(key -> isSignedBy(key, list))) {
      proved.computeIfAbsent(name, n -> new ArrayList<>()).add(list);
    }
  }

  private static boolean isSignedBy(PublicKey key, X509CRL list) {
    try {
      list.verify(key);
      return true;
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /** Somebody who issues certificates, which was proved. */
  void learn(X509Certificate issuer) {
    boolean[] usage = issuer.getKeyUsage();
    if (usage != null && !usage[CRL_SIGN]) {
      return;
    }
    X500Principal name = issuer.getSubjectX500Principal();
    if (issuers.containsKey(name) || issuers.size() < MAX_ISSUERS) {
      boolean isNew =
          issuers.computeIfAbsent(name, n -> new HashSet<>()).add(issuer.getPublicKey());
      if (isNew) {
        are(lists);
      }
    }
  }

  /**
   * What lists name a path's certificates by.
   *
   * @param path the client's own certificate first, the registered one last
   */
  List<Issued> issued(List<X509Certificate> path) {
    List<Issued> all = new ArrayList<>();
    for (int i = 0; i + 1 < path.size(); i++) {
      learn(path.get(i + 1));
      all.add(Issued.by(path.get(i + 1), path.get(i)));
    }
    return all;
  }

  /** Why one of a path is not trusted any more, or empty. */
  Optional<String> whyRevoked(List<Issued> path) {
    for (Issued one : path) {
      String since = told.get(one);
      if (since != null) {
        return Optional.of(revoked(one, since));
      }
      for (X509CRL list : proved.getOrDefault(one.issuer, List.of())) {
        X509CRLEntry entry = list.getRevokedCertificate(one.serial);
        if (entry != null) {
          String reason =
              entry.getRevocationReason() == null ? "" : " (" + entry.getRevocationReason() + ")";
          return Optional.of(revoked(one, entry.getRevocationDate().toInstant() + reason));
        }
      }
    }
    return Optional.empty();
  }

  private static String revoked(Issued one, String since) {
    return one.describe() + " was revoked at " + since;
  }

  /** Why a path is not trusted when its client connects, or empty. */
  Optional<String> whyNot(List<Issued> path, Instant now) {
    Optional<String> revoked = whyRevoked(path);
    if (revoked.isPresent() || !isRequired) {
      return revoked;
    }
    return path.stream()
        .filter(one -> !isCurrent(one.issuer, now))
        .findFirst()
        .map(
            one ->
                "no current list of what %s has revoked is known"
                    .formatted(Text.quote(one.issuer.getName())));
  }

  /**
   * Why a path is not trusted when its client connects and those were asked whom it names, or
   * empty.
   *
   * @param statuses what is known of each, in the path's order
   */
  Optional<Admission.Refused> whyNot(
      List<Issued> path, List<CertificateStatus> statuses, Instant now) {
    for (int i = 0; i < path.size(); i++) {
      if (statuses.get(i) instanceof CertificateStatus.Revoked status) {
        return Optional.of(
            new Admission.Refused(ReasonCode.NOT_AUTHORIZED, revoked(path.get(i), status.why())));
      }
    }
    for (int i = 0; isRequired && i < path.size(); i++) {
      if (statuses.get(i) instanceof CertificateStatus.Unknown status
          && !isCurrent(path.get(i).issuer, now)) {
        return Optional.of(
            new Admission.Refused(
                status.isPassing() ? ReasonCode.SERVER_UNAVAILABLE : ReasonCode.NOT_AUTHORIZED,
                "nobody says whether %s is revoked: %s"
                    .formatted(path.get(i).describe(), status.why())));
      }
    }
    return Optional.empty();
  }

  private boolean isCurrent(X500Principal issuer, Instant now) {
    return proved.getOrDefault(issuer, List.of()).stream()
        .anyMatch(
            list ->
                list.getExtensionValue(DELTA) == null
                    && (list.getNextUpdate() == null
                        || now.isBefore(list.getNextUpdate().toInstant())));
  }
}
