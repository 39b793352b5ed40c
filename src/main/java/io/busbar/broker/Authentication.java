package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.mqtt.Encoder;
import io.busbar.mqtt.MqttException;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.netty.handler.ssl.SslHandler;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * Asks the authorization verticle who a client is: once, or in turns of AUTH packets where the
 * client named an authentication method (MQTT 5.0 section 4.12). One for CONNECT, one more each
 * time that the client authenticates again.
 */
final class Authentication {
  /** How long authorization may take, in milliseconds; then the server is unavailable. */
  private static final long TIMEOUT = 5_000;

  private final Protocol protocol;
  private final Connection connection;
  private final Loop loop;
  private final Packet.Connect connect;
  private final String method;
  private final Consumer<Bus.Authenticated> granted;
  private final Consumer<Bus.Refused> refused;
  private final Runnable challenged;

  /** What the client has to answer, or null while it has nothing to. */
  private Bus.Exchange exchange;

  /**
   * Begins nothing yet.
   *
   * @param granted told if the client is let in
   * @param refused told if it is not
   * @param challenged told when the client has been sent something to answer
   */
  Authentication(
      Protocol protocol,
      Packet.Connect connect,
      Consumer<Bus.Authenticated> granted,
      Consumer<Bus.Refused> refused,
      Runnable challenged) {
    this.protocol = protocol;
    this.connection = protocol.connection;
    this.loop = protocol.loop;
    this.connect = connect;
    this.method = connect.properties().authenticationMethod();
    this.granted = granted;
    this.refused = refused;
    this.challenged = challenged;
  }

  /** Whether the client's answer is waited for. */
  boolean isChallenged() {
    return exchange != null;
  }

  /**
   * Begins.
   *
   * @param clientId as sent, or as assigned
   * @param data the Authentication Data, or null
   */
  void begin(String clientId, byte[] data) {
    ask(
        new Bus.Authenticate(
            connect.version(),
            clientId,
            connect.userName(),
            connect.password(),
            chain(),
            protocol.remote,
            method,
            data));
  }

  /** The client's answer to a challenge. */
  void answer(Packet.Auth auth) throws MqttException {
    requireMethod(auth);
    if (exchange == null || auth.reason() != ReasonCode.CONTINUE_AUTHENTICATION) {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR,
          "AUTH with reason 0x%02x (allowed: 0x18, when the server has asked) [MQTT-4.12.0-3]"
              .formatted(auth.reason().code()));
    }
    Bus.Exchange asked = exchange;
    exchange = null;
    ask(new Bus.Proceed(asked, auth.properties().authenticationData()));
  }

  /** The method is that of CONNECT in each AUTH [MQTT-4.12.0-5]. */
  void requireMethod(Packet.Auth auth) throws MqttException {
    if (method == null) {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR,
          "AUTH after a CONNECT without an authentication method [MQTT-4.12.0-7]");
    }
    if (!method.equals(auth.properties().authenticationMethod())) {
      throw new MqttException(
          ReasonCode.PROTOCOL_ERROR,
          "AUTH with another authentication method than CONNECT, or none [MQTT-4.12.0-5]");
    }
  }

  private void ask(Bus.Local request) {
    loop.<Bus.Local>request(Bus.AUTHORIZATION, request, Bus.local(TIMEOUT))
        .onComplete(
            reply ->
                loop.execute(
                    () -> {
                      loop.counters.busMessages++;
                      if (connection.isEnding()) {
                        return;
                      }
                      if (reply.failed()) {
                        refused.accept(
                            new Bus.Refused(
                                ReasonCode.SERVER_UNAVAILABLE, "authorization did not answer"));
                      } else {
                        answered(reply.result().body());
                      }
                    }));
  }

  private void answered(Bus.Local answer) {
    if (answer instanceof Bus.Challenged challenge) {
      PropertyWriter properties = new PropertyWriter();
      describe(properties, challenge.data());
      // with it: the packet's type, length, reason code and property length at most
      if (properties.size() + 10L
          > connect.properties().number(Property.MAXIMUM_PACKET_SIZE, Long.MAX_VALUE)) {
        refused.accept(
            new Bus.Refused(
                ReasonCode.PACKET_TOO_LARGE, "AUTH is larger than the client's maximum"));
        return;
      }
      exchange = challenge.exchange();
      Encoder.auth(connection.out(), ReasonCode.CONTINUE_AUTHENTICATION, properties);
      challenged.run();
    } else if (answer instanceof Bus.Refused no) {
      refused.accept(no);
    } else {
      granted.accept((Bus.Authenticated) answer);
    }
  }

  /** The client has authenticated again: AUTH says so. */
  void succeed(byte[] data) {
    PropertyWriter properties = new PropertyWriter();
    describe(properties, data);
    Encoder.auth(connection.out(), ReasonCode.SUCCESS, properties);
  }

  /** What CONNACK and AUTH carry of the method: nothing where CONNECT named none. */
  void describe(PropertyWriter properties, byte[] data) {
    if (method == null) {
      return;
    }
    properties.string(Property.AUTHENTICATION_METHOD, method);
    if (data != null) {
      properties.binary(Property.AUTHENTICATION_DATA, data);
    }
  }

  private List<X509Certificate> chain() {
    SslHandler tls = connection.context().pipeline().get(SslHandler.class);
    if (tls == null) {
      return List.of();
    }
    try {
      List<X509Certificate> chain = new ArrayList<>();
      for (Certificate certificate : tls.engine().getSession().getPeerCertificates()) {
        chain.add((X509Certificate) certificate);
      }
      return chain;
    } catch (SSLPeerUnverifiedException e) {
      // the client showed no certificate, which it need not
      return List.of();
    }
  }
}
