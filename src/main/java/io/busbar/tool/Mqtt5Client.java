package io.busbar.tool;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.mqtt.MqttConnAckMessage;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.handler.codec.mqtt.MqttMessageBuilders;
import io.netty.handler.codec.mqtt.MqttMessageIdVariableHeader;
import io.netty.handler.codec.mqtt.MqttMessageType;
import io.netty.handler.codec.mqtt.MqttProperties;
import io.netty.handler.codec.mqtt.MqttPubReplyMessageVariableHeader;
import io.netty.handler.codec.mqtt.MqttPublishMessage;
import io.netty.handler.codec.mqtt.MqttQoS;
import io.netty.handler.codec.mqtt.MqttReasonCodeAndPropertiesVariableHeader;
import io.netty.handler.codec.mqtt.MqttSubAckMessage;
import io.netty.handler.codec.mqtt.MqttVersion;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketClientOptions;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.net.NetClientOptions;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.core.streams.ReadStream;
import io.vertx.core.streams.WriteStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * A small MQTT 5 client for demonstrations, over TLS or a secure WebSocket, with a client
 * certificate: vertx-mqtt's client speaks 3.1.1 only. QoS 1 both ways; the client id is the user
 * name. It reads and writes packets by Netty's codec, not by the broker's own, so that an error of
 * that one shows.
 *
 * <p>State is confined to the connection's event loop.
 */
final class Mqtt5Client {
  private static final int MAX_PACKET_BYTES = 1 << 20;
  private static final int KEEP_ALIVE_SECONDS = 60;

  private final EmbeddedChannel codec =
      new EmbeddedChannel(new MqttDecoder(MAX_PACKET_BYTES), MqttEncoder.INSTANCE);
  private final Map<Integer, Promise<Answer>> unanswered = new HashMap<>();
  private final Promise<Answer> connected = Promise.promise();
  private final Promise<Void> closed = Promise.promise();
  private final WriteStream<Buffer> socket;
  private final Consumer<Message> receiver;
  private final Context context;
  private int lastPacketId;

  /**
   * What the server said.
   *
   * @param reasonCode of the MQTT standard; below 0x80 is success
   * @param reason the reason string, or empty
   */
  record Answer(int reasonCode, String reason) {
    private static final int FIRST_ERROR = 0x80;

    boolean isSuccess() {
      return reasonCode < FIRST_ERROR;
    }

    @Override
    public String toString() {
      return "0x%02X%s".formatted(reasonCode, reason.isEmpty() ? "" : " \"" + reason + "\"");
    }
  }

  /**
   * A message received, or to publish.
   *
   * @param responseTopic where an answer is wanted, or empty
   * @param correlationData what an answer carries back, or empty
   */
  record Message(String topic, String payload, String responseTopic, byte[] correlationData) {
    Message(String topic, String payload) {
      this(topic, payload, "", new byte[0]);
    }
  }

  private Mqtt5Client(
      ReadStream<Buffer> in, WriteStream<Buffer> out, Vertx vertx, Consumer<Message> receiver) {
    this.socket = out;
    this.receiver = receiver;
    this.context = vertx.getOrCreateContext();
    in.handler(this::read);
    in.endHandler(ended -> gone());
    in.exceptionHandler(failure -> gone());
  }

  /**
   * Who connects, and where.
   *
   * @param authority PEM file of the authority that the server's certificate must come from
   * @param identity the client's certificate and key
   * @param name user name and client id
   */
  record Login(String host, int port, Path authority, Certificates.Identity identity, String name) {
    PemTrustOptions trust() {
      return new PemTrustOptions().addCertPath(authority.toString());
    }

    PemKeyCertOptions keyCert() {
      return new PemKeyCertOptions()
          .addCertPath(identity.certificate().toString())
          .addKeyPath(identity.key().toString());
    }
  }

  /**
   * Connects over TLS.
   *
   * @param receiver gets each message, on the event loop
   */
  static Future<Mqtt5Client> overTls(Vertx vertx, Login login, Consumer<Message> receiver) {
    NetClientOptions options =
        new NetClientOptions()
            .setSsl(true)
            .setHostnameVerificationAlgorithm("HTTPS")
            .setTrustOptions(login.trust())
            .setKeyCertOptions(login.keyCert());
    return vertx
        .createNetClient(options)
        .connect(login.port, login.host)
        .compose(socket -> new Mqtt5Client(socket, socket, vertx, receiver).connect(login.name));
  }

  /**
   * Connects over a secure WebSocket.
   *
   * @param path of the WebSocket, such as "/mqtt"
   * @param receiver gets each message, on the event loop
   */
  static Future<Mqtt5Client> overWebSocket(
      Vertx vertx, Login login, String path, Consumer<Message> receiver) {
    WebSocketClientOptions options =
        new WebSocketClientOptions()
            .setSsl(true)
            .setVerifyHost(true)
            .setTrustOptions(login.trust())
            .setKeyCertOptions(login.keyCert());
    WebSocketConnectOptions request =
        new WebSocketConnectOptions()
            .setHost(login.host)
            .setPort(login.port)
            .setURI(path)
            .setSubProtocols(List.of("mqtt"));
    return vertx
        .createWebSocketClient(options)
        .connect(request)
        .compose(socket -> new Mqtt5Client(socket, socket, vertx, receiver).connect(login.name));
  }

  private Future<Mqtt5Client> connect(String name) {
    write(
        MqttMessageBuilders.connect()
            .protocolVersion(MqttVersion.MQTT_5)
            .clientId(name)
            .hasUser(true)
            .username(name)
            .cleanSession(true)
            .keepAlive(KEEP_ALIVE_SECONDS)
            .build());
    return connected
        .future()
        .compose(
            answer ->
                answer.isSuccess()
                    ? Future.succeededFuture(this)
                    : Future.failedFuture("CONNECT was refused with " + answer));
  }

  /** Subscribes at QoS 1; the answer is the SUBACK's. */
  Future<Answer> subscribe(String filter) {
    return exchange(
        id ->
            MqttMessageBuilders.subscribe()
                .messageId(id)
                .addSubscription(MqttQoS.AT_LEAST_ONCE, filter)
                .build());
  }

  /** Publishes at QoS 1; the answer is the PUBACK's. */
  Future<Answer> publish(Message message) {
    MqttProperties properties = new MqttProperties();
    if (!message.responseTopic.isEmpty()) {
      properties.add(
          new MqttProperties.StringProperty(MqttProperties.RESPONSE_TOPIC, message.responseTopic));
    }
    if (message.correlationData.length > 0) {
      properties.add(
          new MqttProperties.BinaryProperty(
              MqttProperties.CORRELATION_DATA, message.correlationData));
    }
    properties.add(
        new MqttProperties.StringProperty(MqttProperties.CONTENT_TYPE, "application/json"));
    return exchange(
        id ->
            MqttMessageBuilders.publish()
                .messageId(id)
                .topicName(message.topic)
                .qos(MqttQoS.AT_LEAST_ONCE)
                .properties(properties)
                .payload(Unpooled.copiedBuffer(message.payload, StandardCharsets.UTF_8))
                .build());
  }

  /** Says goodbye; done when the server has closed the connection. */
  Future<Void> close() {
    context.runOnContext(
        now -> {
          write(MqttMessageBuilders.disconnect().build());
          socket.end();
        });
    return closed.future();
  }

  private Future<Answer> exchange(IntFunction<MqttMessage> request) {
    Promise<Answer> answer = Promise.promise();
    context.runOnContext(
        now -> {
          if (closed.future().isComplete()) {
            answer.fail("the server closed the connection");
            return;
          }
          lastPacketId++;
          unanswered.put(lastPacketId, answer);
          write(request.apply(lastPacketId));
        });
    return answer.future();
  }

  private void write(MqttMessage message) {
    codec.writeOutbound(message);
    for (ByteBuf bytes = codec.readOutbound(); bytes != null; bytes = codec.readOutbound()) {
      socket.write(Buffer.buffer(ByteBufUtil.getBytes(bytes)));
      bytes.release();
    }
  }

  private void read(Buffer bytes) {
    codec.writeInbound(Unpooled.wrappedBuffer(bytes.getBytes()));
    for (MqttMessage message = codec.readInbound();
        message != null;
        message = codec.readInbound()) {
      if (message.decoderResult().isFailure()) {
        connected.tryFail(message.decoderResult().cause());
        socket.end();
      } else {
        handle(message);
      }
    }
  }

  private void handle(MqttMessage message) {
    if (message instanceof MqttConnAckMessage connAck) {
      connected.complete(
          new Answer(
              Byte.toUnsignedInt(connAck.variableHeader().connectReturnCode().byteValue()),
              reason(connAck.variableHeader().properties())));
    } else if (message instanceof MqttPublishMessage publish) {
      receive(publish);
    } else if (message instanceof MqttSubAckMessage subAck) {
      answered(
          subAck.variableHeader().messageId(),
          subAck.payload().reasonCodes().get(0),
          reason(subAck.idAndPropertiesVariableHeader().properties()));
    } else if (message.variableHeader() instanceof MqttPubReplyMessageVariableHeader pubAck) {
      answered(
          pubAck.messageId(), Byte.toUnsignedInt(pubAck.reasonCode()), reason(pubAck.properties()));
    } else if (message.fixedHeader().messageType() == MqttMessageType.PUBACK) {
      answered(((MqttMessageIdVariableHeader) message.variableHeader()).messageId(), 0, "");
    } else if (message.variableHeader()
        instanceof MqttReasonCodeAndPropertiesVariableHeader disconnect) {
      connected.tryFail(
          "the server disconnected with "
              + new Answer(
                  Byte.toUnsignedInt(disconnect.reasonCode()), reason(disconnect.properties())));
    }
  }

  private void receive(MqttPublishMessage publish) {
    MqttProperties properties = publish.variableHeader().properties();
    Object responseTopic = value(properties, MqttProperties.RESPONSE_TOPIC);
    Object correlation = value(properties, MqttProperties.CORRELATION_DATA);
    Message message =
        new Message(
            publish.variableHeader().topicName(),
            publish.payload().toString(StandardCharsets.UTF_8),
            responseTopic == null ? "" : (String) responseTopic,
            correlation == null ? new byte[0] : (byte[]) correlation);
    int id = publish.variableHeader().packetId();
    publish.release();
    if (publish.fixedHeader().qosLevel() == MqttQoS.AT_LEAST_ONCE) {
      write(MqttMessageBuilders.pubAck().packetId(id).build());
    }
    receiver.accept(message);
  }

  private void answered(int packetId, int reasonCode, String reason) {
    Promise<Answer> answer = unanswered.remove(packetId);
    if (answer != null) {
      answer.complete(new Answer(reasonCode, reason));
    }
  }

  private void gone() {
    if (closed.tryComplete()) {
      codec.finishAndReleaseAll();
      connected.tryFail("the server closed the connection");
      List<Promise<Answer>> waiting = List.copyOf(unanswered.values());
      unanswered.clear();
      waiting.forEach(answer -> answer.fail("the server closed the connection"));
    }
  }

  private static String reason(MqttProperties properties) {
    Object text = value(properties, MqttProperties.REASON_STRING);
    return text == null ? "" : (String) text;
  }

  private static Object value(MqttProperties properties, int type) {
    MqttProperties.MqttProperty<?> property = properties.getProperty(type);
    return property == null ? null : property.value();
  }
}
