package io.busbar.tool;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.busbar.config.Settings.Address;
import io.busbar.tool.Mqtt5Client.Answer;
import io.busbar.tool.Mqtt5Client.Login;
import io.busbar.tool.Mqtt5Client.Message;
import io.netty.handler.codec.mqtt.MqttQoS;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import io.vertx.mqtt.MqttClient;
import io.vertx.mqtt.MqttClientOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Shows a broker's main job on its real listeners, step by step, and checks each step: telemetry to
 * many, a command with its response, an alert to a group, a denied publish and why, and the
 * CloudEvent at a webhook. For the namespace that the quick start writes.
 */
public final class Demonstration {
  private static final int PATIENCE_SECONDS = 10;
  private static final int MAX_RECEIVED = 64;
  private static final int NOT_AUTHORIZED = 0x87;
  private static final String VEHICLE_1 = "vehicle01";
  private static final String VEHICLE_2 = "vehicle02";
  private static final String UNLOCK = "vehicles/vehicle01/command/unlock";

  private final Certificates certificates;
  private final Address mqtts;
  private final Address wss;
  private final String path;
  private final WebhookReceiver webhook;
  private final PrintWriter out;
  private final Vertx vertx =
      Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setWorkerPoolSize(2));
  private boolean isGood = true;
  private String step = "connecting map-app, mobile-app, vehicle01, vehicle02";

  /**
   * A demonstration, not yet begun.
   *
   * @param certificates issues the clients' certificates; the server's come from them too
   * @param mqtts the TLS listener
   * @param wss the secure WebSocket listener
   * @param path its path
   * @param webhook where the namespace's route leads
   * @param out gets the story
   */
  public Demonstration(
      Certificates certificates,
      Address mqtts,
      Address wss,
      String path,
      WebhookReceiver webhook,
      PrintWriter out) {
    this.certificates = certificates;
    this.mqtts = mqtts;
    this.wss = wss;
    this.path = path;
    this.webhook = webhook;
    this.out = out;
  }

  private static final class Inbox {
    private final BlockingQueue<Message> messages = new ArrayBlockingQueue<>(MAX_RECEIVED);

    void put(Message message) {
      if (!messages.offer(message)) {
        throw new IllegalStateException("more messages than the demonstration sends");
      }
    }

    /** The next message, or null if none comes in time. */
    Message next() throws InterruptedException {
      return messages.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }

  /**
   * Runs all steps and prints them; blocks for some seconds.
   *
   * @return whether every step went as it should
   */
  public boolean run() throws InterruptedException {
    try {
      steps();
    } catch (IOException | ExecutionException e) {
      Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
      check(false, step + ": " + cause.getMessage());
    } catch (TimeoutException e) {
      check(false, step + ": no answer within " + PATIENCE_SECONDS + " s");
    } finally {
      vertx.close();
    }
    out.flush();
    return isGood;
  }

  private void steps()
      throws IOException, ExecutionException, TimeoutException, InterruptedException {
    Inbox map = new Inbox();
    Inbox mobile = new Inbox();
    Inbox first = new Inbox();
    Inbox second = new Inbox();
    Mqtt5Client mapApp =
        done(Mqtt5Client.overWebSocket(vertx, login(wss, "map-app"), path, map::put));
    Mqtt5Client mobileApp =
        done(Mqtt5Client.overWebSocket(vertx, login(wss, "mobile-app"), path, mobile::put));
    Mqtt5Client vehicle1 = done(Mqtt5Client.overTls(vertx, login(mqtts, VEHICLE_1), first::put));
    Mqtt5Client vehicle2 = done(Mqtt5Client.overTls(vertx, login(mqtts, VEHICLE_2), second::put));

    Future<JsonObject> event = webhook.next("vehicles/vehicle01/position");
    telemetry(mapApp, map, vehicle1, vehicle2);
    command(mobileApp, mobile, vehicle1, first);
    alert(vehicle1, first, vehicle2, second);
    denied(vehicle2);
    event(event);

    for (Mqtt5Client client : new Mqtt5Client[] {mapApp, mobileApp, vehicle1, vehicle2}) {
      done(client.close());
    }
  }

  private void telemetry(Mqtt5Client mapApp, Inbox map, Mqtt5Client vehicle1, Mqtt5Client vehicle2)
      throws ExecutionException, TimeoutException, InterruptedException {
    title("1. Telemetry: every vehicle reports to one map (TLS to WebSocket, QoS 1)");
    subscribe("map-app", mapApp, "vehicles/+/position");
    publish(VEHICLE_1, vehicle1, "vehicles/vehicle01/position", position(48.137, 11.575));
    publish(VEHICLE_2, vehicle2, "vehicles/vehicle02/position", position(48.775, 9.182));
    Set<String> topics = new HashSet<>();
    for (int i = 0; i < 2; i++) {
      Message message = map.next();
      if (message != null) {
        line("map-app       hears      %s  %s", message.topic(), message.payload());
        topics.add(message.topic());
      }
    }
    check(
        topics.equals(Set.of("vehicles/vehicle01/position", "vehicles/vehicle02/position")),
        "map-app received both positions");
  }

  private void command(Mqtt5Client mobileApp, Inbox mobile, Mqtt5Client vehicle1, Inbox first)
      throws ExecutionException, TimeoutException, InterruptedException {
    title("2. Command: a phone asks one vehicle and gets its answer (MQTT 5 request/response)");
    subscribe(VEHICLE_1, vehicle1, "vehicles/vehicle01/command/+/request");
    subscribe("mobile-app", mobileApp, UNLOCK + "/response");
    byte[] correlation = "unlock-1".getBytes(UTF_8);
    line("mobile-app    asks       %s/request  (correlation data unlock-1)", UNLOCK);
    Answer asked =
        done(
            mobileApp.publish(
                new Message(
                    UNLOCK + "/request",
                    "{\"door\":\"left\"}",
                    UNLOCK + "/response",
                    correlation)));
    check(asked.isSuccess(), "the request was accepted: " + asked);
    Message request = first.next();
    if (request == null) {
      check(false, "vehicle01 received no request");
      return;
    }
    line("vehicle01     hears      %s  %s", request.topic(), request.payload());
    done(
        vehicle1.publish(
            new Message(
                request.responseTopic(), "{\"unlocked\":true}", "", request.correlationData())));
    Message response = mobile.next();
    if (response != null) {
      line("mobile-app    hears      %s  %s", response.topic(), response.payload());
    }
    check(
        response != null
            && response.topic().equals(UNLOCK + "/response")
            && Arrays.equals(response.correlationData(), correlation),
        "the response came back under the same correlation data");
  }

  private void alert(Mqtt5Client vehicle1, Inbox first, Mqtt5Client vehicle2, Inbox second)
      throws IOException, ExecutionException, TimeoutException, InterruptedException {
    title("3. Alert: one message to every vehicle of a region (sender on MQTT 3.1.1)");
    subscribe(VEHICLE_1, vehicle1, "alerts/south/#");
    subscribe(VEHICLE_2, vehicle2, "alerts/south/#");
    Login login = login(mqtts, "control-tower");
    MqttClient tower =
        MqttClient.create(
            vertx,
            new MqttClientOptions()
                .setClientId(login.name())
                .setUsername(login.name())
                .setSsl(true)
                .setHostnameVerificationAlgorithm("HTTPS")
                .setTrustOptions(login.trust())
                .setKeyCertOptions(login.keyCert()));
    done(tower.connect(login.port(), login.host()));
    line("control-tower publishes  alerts/south/weather  {\"hail\":true}");
    done(
        tower.publish(
            "alerts/south/weather",
            Buffer.buffer("{\"hail\":true}"),
            MqttQoS.AT_LEAST_ONCE,
            false,
            false));
    boolean isHeard = true;
    for (Inbox inbox : new Inbox[] {first, second}) {
      Message message = inbox.next();
      isHeard &= message != null && message.topic().equals("alerts/south/weather");
    }
    check(isHeard, "vehicle01 and vehicle02 received it");
    done(tower.disconnect());
  }

  private void denied(Mqtt5Client vehicle2)
      throws ExecutionException, TimeoutException, InterruptedException {
    title("4. Denied: vehicle02 pretends to be vehicle01");
    line("vehicle02     publishes  vehicles/vehicle01/position");
    Answer answer =
        done(vehicle2.publish(new Message("vehicles/vehicle01/position", position(0, 0))));
    line("the broker    answers    PUBACK %s", answer);
    check(
        answer.reasonCode() == NOT_AUTHORIZED && !answer.reason().isEmpty(),
        "refused with 0x87 Not authorized, and why");
  }

  private void event(Future<JsonObject> arriving)
      throws ExecutionException, TimeoutException, InterruptedException {
    title("5. Event: vehicle01's position arrived at the webhook as a CloudEvent");
    JsonObject event = done(arriving);
    event.encodePrettily().lines().forEach(text -> line("%s", text));
    check(
        "1.0".equals(event.getValue("specversion"))
            && "vehicles/vehicle01/position".equals(event.getValue("subject")),
        "CloudEvents 1.0, its subject is the topic");
  }

  private void subscribe(String name, Mqtt5Client client, String filter)
      throws ExecutionException, TimeoutException, InterruptedException {
    line("%-13s subscribes %s", name, filter);
    Answer answer = done(client.subscribe(filter));
    if (!answer.isSuccess()) {
      check(false, "the subscription was refused: " + answer);
    }
  }

  private void publish(String name, Mqtt5Client client, String topic, String payload)
      throws ExecutionException, TimeoutException, InterruptedException {
    line("%-13s publishes  %s  %s", name, topic, payload);
    Answer answer = done(client.publish(new Message(topic, payload)));
    if (!answer.isSuccess()) {
      check(false, "the message was refused: " + answer);
    }
  }

  private Login login(Address address, String name) throws IOException {
    return new Login(
        address.host(), address.port(), certificates.authority(), certificates.client(name), name);
  }

  private static String position(double latitude, double longitude) {
    return new JsonObject().put("lat", latitude).put("lon", longitude).encode();
  }

  private static <T> T done(Future<T> future)
      throws ExecutionException, TimeoutException, InterruptedException {
    return future.toCompletionStage().toCompletableFuture().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  private void title(String text) {
    out.println();
    out.println(text);
    step = text;
  }

  private void line(String format, Object... values) {
    out.println("   " + String.format(format, values));
  }

  private void check(boolean isTrue, String claim) {
    isGood &= isTrue;
    line("%s %s", isTrue ? "✓" : "✗", claim);
    out.flush();
  }
}
