package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.config.Passwords;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Admission;
import io.busbar.policy.Client;
import io.busbar.policy.PasswordHash;
import io.busbar.policy.Policy;
import io.busbar.session.Rates;
import io.busbar.telemetry.Meter;
import io.netty.util.NetUtil;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Checks the passwords of clients that have one. A check is made to be slow, so checks have threads
 * of their own, few of them, and few wait for one; how often one may try is bounded, too. A name
 * that nobody has is checked like any other: neither the answer nor its time tells who is there.
 *
 * <p>For one thread, the authorization verticle's.
 */
final class PasswordAuthentication {
  /** Over so many seconds attempts are counted: a device that comes back at once may. */
  private static final int PATIENCE = 10;

  /** So many times as many wrong passwords may come from one address, whatever their names. */
  private static final int NAMES = 10;

  /** How many names, and addresses, are told apart. */
  private static final int MOST = 100_000;

  /** Less than connections wait for authorization: whoever has waited so long is gone soon. */
  private static final long WAIT = 4_000;

  /** Bytes of an address of version 6 that one subscriber of a network has. */
  private static final int PREFIX = 8;

  private static final ReasonCode BUSY = ReasonCode.SERVER_BUSY;

  private final Vertx vertx;
  private final Broker broker;
  private final Rates attempts;
  private final Rates failures;
  private WorkerExecutor workers;
  private PasswordHash ofNobody;
  private int pending;

  PasswordAuthentication(Vertx vertx, Broker broker) {
    this.vertx = vertx;
    this.broker = broker;
    long perSecond = broker.limits.get(Limit.PASSWORD_ATTEMPTS);
    this.attempts = new Rates(perSecond, PATIENCE * perSecond, MOST);
    this.failures = new Rates(NAMES * perSecond, NAMES * PATIENCE * perSecond, MOST);
  }

  /**
   * Whether a password is to say who connects. Where there are clients that have one, one that is
   * not known, and shows no certificate, is not told apart from them.
   */
  boolean isFor(Policy policy, Bus.Authenticate who) {
    boolean isNamed = who.userName() != null && !who.userName().isEmpty();
    return isNamed
        && policy.hasPasswords()
        && broker.limits.get(Limit.PASSWORD_CHECKS) > 0
        && policy
            .client(who.userName())
            .map(one -> one.password().isPresent())
            .orElse(who.chain().isEmpty());
  }

  /** Judges, by the policy as it is when the password has been checked. */
  Future<Admission> judge(Policy policy, Bus.Authenticate who) {
    byte[] password = who.password();
    PasswordHash hash = policy.client(who.userName()).flatMap(Client::password).orElse(null);
    if (password == null || password.length > Passwords.MAX_BYTES) {
      return Future.succeededFuture(wrong(policy.admit(who.userName(), hash, false)));
    }
    long now = TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
    String address = address(who.remote());
    String name = who.userName().toLowerCase(Locale.ROOT) + '\0' + address;
    if (!failures.isLeft(address, now) || !attempts.take(name, now)) {
      return refused(
          "throttled",
          ReasonCode.CONNECTION_RATE_EXCEEDED,
          broker.throttled(Limit.PASSWORD_ATTEMPTS));
    }
    if (pending >= broker.limits.get(Limit.PENDING_PASSWORDS)) {
      return refused("busy", BUSY, "too many passwords wait to be checked");
    }
    pending++;
    return checked(hash == null ? ofNobody() : hash, password, now + WAIT)
        .onComplete(done -> pending--)
        .compose(
            matches -> {
              if (matches.isEmpty()) {
                return refused("busy", BUSY, "the password waited too long to be checked");
              }
              boolean is = hash != null && matches.get();
              Admission admission = policy.admit(who.userName(), hash, is);
              if (is) {
                broker.telemetry.count(Meter.PASSWORDS, "right");
              } else {
                failures.take(address, now);
                wrong(admission);
              }
              return Future.succeededFuture(admission);
            });
  }

  private Admission wrong(Admission refused) {
    broker.telemetry.count(Meter.PASSWORDS, "wrong");
    return refused;
  }

  private Future<Admission> refused(String result, ReasonCode reason, String why) {
    broker.telemetry.count(Meter.PASSWORDS, result);
    return Future.succeededFuture(new Admission.Refused(reason, why));
  }

  /** Whether it is the password; empty if its turn came too late. */
  private Future<Optional<Boolean>> checked(PasswordHash hash, byte[] password, long until) {
    return workers()
        .executeBlocking(
            () ->
                TimeUnit.NANOSECONDS.toMillis(System.nanoTime()) > until
                    ? Optional.empty()
                    : Optional.of(Passwords.matches(hash, password)),
            false);
  }

  /** The threads, which most nodes never need. */
  private WorkerExecutor workers() {
    if (workers == null) {
      workers =
          vertx.createSharedWorkerExecutor(
              "busbar-passwords", broker.limits.intValue(Limit.PASSWORD_CHECKS));
    }
    return workers;
  }

  private PasswordHash ofNobody() {
    if (ofNobody == null) {
      ofNobody = Passwords.ofNobody(new SecureRandom());
    }
    return ofNobody;
  }

  /** Each second: forgets who has not tried for a while. */
  void sweep() {
    long now = TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
    attempts.sweep(now);
    failures.sweep(now);
  }

  /** Where somebody comes from, without the port: of version 6 the network. */
  private static String address(String remote) {
    String host = remote.substring(0, Math.max(0, remote.lastIndexOf(':')));
    byte[] address = NetUtil.createByteArrayFromIpAddressString(host);
    boolean isLong = address != null && address.length > PREFIX;
    return isLong ? HexFormat.of().formatHex(Arrays.copyOf(address, PREFIX)) : host;
  }
}
