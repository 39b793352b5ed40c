package io.busbar.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.WebClient;
import io.vertx.junit5.VertxExtension;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(VertxExtension.class)
class WebhookReceiverIT {
  private final WebhookReceiver receiver = new WebhookReceiver();
  private WebClient client;
  private int port;

  @BeforeEach
  void start(Vertx vertx) throws Exception {
    client = WebClient.create(vertx);
    port = await(receiver.start(vertx, 0));
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private int post(Buffer body) throws Exception {
    return await(client.post(port, "127.0.0.1", "/events").sendBuffer(body)).statusCode();
  }

  private static JsonObject event(String subject, int data) {
    return new JsonObject().put("subject", subject).put("data", data);
  }

  private JsonArray log() throws Exception {
    return await(client.get(port, "127.0.0.1", "/events").send()).bodyAsJsonArray();
  }

  @Test
  void lastHundredEvents_areShown() throws Exception {
    assertThat(log()).isEmpty();
    for (int i = 0; i < 105; i++) {
      assertThat(post(event("t", i).toBuffer())).isEqualTo(204);
    }
    JsonArray log = log();
    assertThat(log).hasSize(100);
    assertThat(log.getJsonObject(0)).isEqualTo(event("t", 5));
    assertThat(log.getJsonObject(99)).isEqualTo(event("t", 104));
  }

  @Test
  void memory_isBounded() throws Exception {
    Buffer large = event("t", 1).put("data", "x".repeat(1_900_000)).toBuffer();
    for (int i = 0; i < 12; i++) {
      assertThat(post(large)).isEqualTo(204);
    }
    assertThat(log()).hasSize(8);
    assertThat(post(event("t", 1).put("data", "x".repeat(2_100_000)).toBuffer())).isEqualTo(413);
    assertThat(log()).hasSize(8);
  }

  @Test
  void notAnEvent_isRefused() throws Exception {
    assertThat(post(Buffer.buffer("{\"a\":"))).isEqualTo(400);
    assertThat(post(Buffer.buffer("{},{}"))).isEqualTo(400);
    assertThat(post(Buffer.buffer("[]"))).isEqualTo(400);
    assertThat(log()).isEmpty();
  }

  @Test
  void next_givesTheEventOfItsSubject() throws Exception {
    Future<JsonObject> a = receiver.next("a");
    Future<JsonObject> b = receiver.next("b");
    post(event("b", 1).toBuffer());
    post(event("b", 2).toBuffer());
    assertThat(await(b)).isEqualTo(event("b", 1));
    assertThat(a.isComplete()).isFalse();
    await(receiver.close());
    assertThatThrownBy(() -> await(a)).hasMessageContaining("closed");
  }

  @Test
  void validation_isAnswered() throws Exception {
    HttpResponse<Buffer> answer =
        await(
            client
                .request(HttpMethod.OPTIONS, port, "127.0.0.1", "/events")
                .putHeader("WebHook-Request-Origin", "eventgrid.azure.net")
                .send());
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.getHeader("WebHook-Allowed-Origin")).isEqualTo("eventgrid.azure.net");
  }
}
