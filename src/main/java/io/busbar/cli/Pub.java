package io.busbar.cli;

import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperties;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperty;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5MessageException;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishBuilder;
import io.busbar.config.ConfigException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code busbar pub}: publishes messages. */
@Command(
    name = "pub",
    mixinStandardHelpOptions = true,
    description = "Publishes a message over MQTT 5, or one for each line that comes.",
    footer = {
      "",
      "Examples:",
      "  busbar pub --client vehicle01 -t vehicles/vehicle01/position -m '{\"lat\":48.1}'",
      "  busbar pub --broker mqtt://127.0.0.1:1883 -t lines -l < file"
    })
final class Pub implements Callable<Integer> {
  @Mixin private MqttOptions mqtt;

  @Option(
      names = {"-t", "--topic"},
      paramLabel = "TOPIC",
      required = true,
      description = "where to")
  private String topic;

  @ArgGroup(multiplicity = "1")
  private Payload payload;

  @Option(
      names = {"-q", "--qos"},
      paramLabel = "QOS",
      defaultValue = "1",
      description = "0, 1 or 2 (${DEFAULT-VALUE})")
  private int qos;

  @Option(
      names = {"-r", "--retain"},
      description = "has it kept for those who come later")
  private boolean retain;

  @Option(names = "--expiry", paramLabel = "SECONDS", description = "message expiry interval")
  private Long expiry;

  @Option(names = "--content-type", paramLabel = "TYPE", description = "of the payload")
  private String contentType;

  @Option(
      names = "--response-topic",
      paramLabel = "TOPIC",
      description = "where answers are wanted")
  private String responseTopic;

  @Option(
      names = {"-D", "--property"},
      paramLabel = "NAME=VALUE",
      description = "a user property")
  private Map<String, String> properties = new LinkedHashMap<>();

  private static final class Payload {
    @Option(
        names = {"-m", "--message"},
        paramLabel = "TEXT",
        description = "the payload")
    private String text;

    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        description = "the payload is what this file has")
    private Path file;

    @Option(
        names = {"-l", "--lines"},
        description = "a message for each line of the standard input")
    private boolean areLines;
  }

  @Override
  public Integer call() throws IOException {
    Mqtt5BlockingClient client = mqtt.connect(0);
    try {
      if (payload.areLines) {
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
          publish(client, line.getBytes(StandardCharsets.UTF_8));
        }
      } else {
        publish(
            client,
            payload.file == null
                ? payload.text.getBytes(StandardCharsets.UTF_8)
                : Files.readAllBytes(payload.file));
      }
    } finally {
      if (client.getState().isConnected()) {
        client.disconnect();
      }
    }
    return 0;
  }

  private void publish(Mqtt5BlockingClient client, byte[] bytes) throws IOException {
    List<Mqtt5UserProperty> user =
        properties.entrySet().stream()
            .map(one -> Mqtt5UserProperty.of(one.getKey(), one.getValue()))
            .toList();
    Mqtt5PublishBuilder.Complete message;
    try {
      message =
          Mqtt5Publish.builder()
              .topic(topic)
              .payload(bytes)
              .qos(Sub.qos(qos))
              .retain(retain)
              .contentType(contentType)
              .responseTopic(responseTopic)
              .userProperties(Mqtt5UserProperties.of(user));
    } catch (IllegalArgumentException e) {
      throw new ConfigException(e.getMessage());
    }
    try {
      client.publish(
          expiry == null ? message.build() : message.messageExpiryInterval(expiry).build());
    } catch (Mqtt5MessageException e) {
      throw new IOException("not published: " + MqttOptions.why(e), e);
    }
  }
}
