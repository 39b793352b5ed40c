package io.busbar.cli;

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5MessageException;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import io.busbar.config.ConfigException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code busbar sub}: shows messages as they come. */
@Command(
    name = "sub",
    mixinStandardHelpOptions = true,
    description = "Subscribes over MQTT 5 and shows messages as they come, until it is stopped.",
    footer = {
      "",
      "Examples:",
      "  busbar sub --client map-app -t 'vehicles/+/position'",
      "  busbar sub --broker mqtt://127.0.0.1:1883 -t '#' -o json --count 10"
    })
final class Sub implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private MqttOptions mqtt;

  @Option(
      names = {"-t", "--topic"},
      paramLabel = "FILTER",
      required = true,
      description = "what of; may be given several times")
  private List<String> filters;

  @Option(
      names = {"-q", "--qos"},
      paramLabel = "QOS",
      defaultValue = "1",
      description = "0, 1 or 2 (${DEFAULT-VALUE})")
  private int qos;

  @Option(
      names = "--session-expiry",
      paramLabel = "SECONDS",
      defaultValue = "0",
      description =
          "how long the session stays without this client; it is resumed (${DEFAULT-VALUE})")
  private long expiry;

  @Option(
      names = "--count",
      paramLabel = "N",
      defaultValue = "0",
      description = "ends after so many messages; 0 for never (${DEFAULT-VALUE})")
  private long count;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORM",
      description = "text: topic and payload; payload; json, one on a line (${DEFAULT-VALUE})",
      defaultValue = "text")
  private Form form;

  /** The forms. */
  enum Form {
    /** Topic and payload. */
    text,
    /** The payload. */
    payload,
    /** All there is. */
    json
  }

  static MqttQos qos(int value) {
    MqttQos qos = MqttQos.fromCode(value);
    if (qos == null) {
      throw new ConfigException("--qos: %d (allowed: 0, 1, 2)".formatted(value));
    }
    return qos;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (count < 0 || expiry < 0) {
      throw new ParameterException(spec.commandLine(), "a number below 0 (allowed: 0 and above)");
    }
    MqttQos granted = qos(qos);
    Mqtt5BlockingClient client = mqtt.connect(expiry);
    PrintWriter out = spec.commandLine().getOut();
    try (Mqtt5BlockingClient.Mqtt5Publishes messages =
        client.publishes(MqttGlobalPublishFilter.ALL)) {
      for (String filter : filters) {
        client.subscribeWith().topicFilter(filter).qos(granted).send();
      }
      long left = count == 0 ? Long.MAX_VALUE : count;
      for (; left > 0; left--) {
        print(out, messages.receive());
      }
    } catch (Mqtt5MessageException e) {
      throw new IOException(MqttOptions.why(e), e);
    } catch (IllegalArgumentException e) {
      throw new ConfigException(e.getMessage());
    } finally {
      if (client.getState().isConnected()) {
        client.disconnect();
      }
    }
    return 0;
  }

  private void print(PrintWriter out, Mqtt5Publish message) {
    byte[] payload = message.getPayloadAsBytes();
    String text = new String(payload, StandardCharsets.UTF_8);
    switch (form) {
      case json -> out.println(json(message, payload, text).encode());
      case payload -> out.println(text);
      default -> out.println(message.getTopic() + " " + text);
    }
    out.flush();
  }

  private static JsonObject json(Mqtt5Publish message, byte[] payload, String text) {
    JsonObject json =
        new JsonObject()
            .put("topic", message.getTopic().toString())
            .put("qos", message.getQos().getCode())
            .put("retain", message.isRetain());
    message.getContentType().ifPresent(type -> json.put("contentType", type.toString()));
    message.getResponseTopic().ifPresent(topic -> json.put("responseTopic", topic.toString()));
    if (message.getMessageExpiryInterval().isPresent()) {
      json.put("expiresInSeconds", message.getMessageExpiryInterval().getAsLong());
    }
    JsonArray properties = new JsonArray();
    message
        .getUserProperties()
        .asList()
        .forEach(
            one ->
                properties.add(
                    new JsonObject()
                        .put("name", one.getName().toString())
                        .put("value", one.getValue().toString())));
    if (!properties.isEmpty()) {
      json.put("userProperties", properties);
    }
    return text.indexOf(0xfffd) < 0
        ? json.put("payload", text)
        : json.put("payloadBase64", payload);
  }
}
