package io.busbar.cli;

import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttWebSocketConfig;
import com.hivemq.client.mqtt.datatypes.MqttUtf8String;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5Client;
import com.hivemq.client.mqtt.mqtt5.Mqtt5ClientBuilder;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5MessageException;
import com.hivemq.client.mqtt.mqtt5.message.Mqtt5ReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import com.hivemq.client.mqtt.mqtt5.message.publish.puback.Mqtt5PubAck;
import com.hivemq.client.mqtt.mqtt5.message.publish.pubrec.Mqtt5PubRec;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.suback.Mqtt5SubAck;
import io.busbar.config.ConfigException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import javax.net.ssl.KeyManagerFactory;
import picocli.CommandLine.Option;

/** Where the commands that speak MQTT connect, and as whom. */
final class MqttOptions {
  private static final Set<String> SCHEMES = Set.of("mqtt", "mqtts", "ws", "wss");

  @Option(
      names = "--broker",
      paramLabel = "URL",
      defaultValue = "mqtts://127.0.0.1:8883",
      description = "mqtt://, mqtts://, ws:// or wss://, host and port (${DEFAULT-VALUE})")
  private URI broker;

  @Option(
      names = "--client",
      paramLabel = "NAME",
      description = "comes with clients/NAME.pem of the home, and this user name")
  private String client;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      defaultValue = "${sys:user.home}/.busbar",
      description = "where ca.pem, to trust, and clients/ are (${DEFAULT-VALUE})")
  private Path home;

  @Option(
      names = {"-i", "--id"},
      paramLabel = "ID",
      description = "client id: the session's name (by default the client's name, or a random one)")
  private String id;

  @Option(
      names = {"-u", "--user"},
      paramLabel = "NAME",
      description = "user name")
  private String user;

  @Option(names = "--password-file", paramLabel = "FILE", description = "file with the password")
  private Path passwordFile;

  @Option(
      names = "--certificate",
      paramLabel = "FILE",
      description = "PEM file of a certificate to come with")
  private Path certificate;

  @Option(
      names = "--certificate-key",
      paramLabel = "FILE",
      description = "PEM file of its private key (PKCS#8)")
  private Path certificateKey;

  /**
   * Connects.
   *
   * @param expirySeconds of the session; 0 begins a new one and ends it with the connection
   * @throws IOException if the broker is not there, or does not let this client in
   */
  Mqtt5BlockingClient connect(long expirySeconds) throws IOException {
    String scheme = String.valueOf(broker.getScheme());
    if (!SCHEMES.contains(scheme) || broker.getHost() == null) {
      throw new ConfigException(
          "--broker: \"%s\" (allowed: mqtt://, mqtts://, ws:// or wss://, host and port)"
              .formatted(broker));
    }
    boolean isSecure = scheme.equals("mqtts") || scheme.equals("wss");
    boolean isWeb = scheme.startsWith("ws");
    int standard = isWeb ? (isSecure ? 443 : 80) : isSecure ? 8_883 : 1_883;
    Mqtt5ClientBuilder builder =
        Mqtt5Client.builder()
            .identifier(id != null ? id : client != null ? client : "busbar-" + UUID.randomUUID())
            .serverHost(broker.getHost())
            .serverPort(broker.getPort() < 0 ? standard : broker.getPort());
    if (isSecure) {
      builder = builder.sslConfig(tls());
    }
    if (isWeb) {
      String path =
          broker.getPath() == null || broker.getPath().isEmpty() ? "/mqtt" : broker.getPath();
      builder =
          builder.webSocketConfig(
              MqttWebSocketConfig.builder().serverPath(path).subprotocol("mqtt").build());
    }
    String name = user != null ? user : client;
    if (name != null || passwordFile != null) {
      var simple = builder.simpleAuth();
      if (name != null && passwordFile != null) {
        builder = simple.username(name).password(password()).applySimpleAuth();
      } else if (name != null) {
        builder = simple.username(name).applySimpleAuth();
      } else {
        builder = simple.password(password()).applySimpleAuth();
      }
    }
    Mqtt5BlockingClient connected = builder.buildBlocking();
    try {
      connected
          .connectWith()
          .cleanStart(expirySeconds == 0)
          .sessionExpiryInterval(expirySeconds)
          .send();
      return connected;
    } catch (Mqtt5MessageException e) {
      throw new IOException(broker + ": " + why(e), e);
    } catch (RuntimeException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IOException("%s: %s".formatted(broker, cause.getMessage()), e);
    }
  }

  private byte[] password() throws IOException {
    return Files.readString(passwordFile).strip().getBytes(StandardCharsets.UTF_8);
  }

  private MqttClientSslConfig tls() throws IOException {
    try {
      if ((certificate == null) != (certificateKey == null)) {
        throw new ConfigException("--certificate, --certificate-key: one of them (allowed: both)");
      }
      Path clients = home.resolve("clients");
      KeyManagerFactory identity = null;
      if (certificate != null) {
        identity = TlsFiles.identity(certificate, certificateKey);
      } else if (client != null) {
        identity =
            TlsFiles.identity(
                clients.resolve(client + ".pem"), clients.resolve(client + "-key.pem"));
      }
      Path authority = home.resolve("ca.pem");
      return MqttClientSslConfig.builder()
          .trustManagerFactory(Files.isReadable(authority) ? TlsFiles.trust(authority) : null)
          .keyManagerFactory(identity)
          .build();
    } catch (GeneralSecurityException e) {
      throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
    }
  }

  /** What the broker said. */
  static String why(Mqtt5MessageException e) {
    var message = e.getMqttMessage();
    String reason = "";
    if (message instanceof Mqtt5ConnAck ack) {
      reason = said(ack.getReasonCode(), ack.getReasonString());
    } else if (message instanceof Mqtt5PubAck ack) {
      reason = said(ack.getReasonCode(), ack.getReasonString());
    } else if (message instanceof Mqtt5PubRec rec) {
      reason = said(rec.getReasonCode(), rec.getReasonString());
    } else if (message instanceof Mqtt5SubAck ack) {
      reason = said(ack.getReasonCodes().get(0), ack.getReasonString());
    } else if (message instanceof Mqtt5Disconnect end) {
      reason = said(end.getReasonCode(), end.getReasonString());
    }
    return reason.isEmpty() ? String.valueOf(e.getMessage()) : reason;
  }

  private static String said(Mqtt5ReasonCode code, Optional<MqttUtf8String> text) {
    return "0x%02x %s%s"
        .formatted(
            code.getCode(),
            code.toString().toLowerCase(Locale.ROOT).replace('_', ' '),
            text.map(one -> ": " + one).orElse(""));
  }
}
