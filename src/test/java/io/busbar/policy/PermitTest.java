package io.busbar.policy;

import static io.busbar.policy.PermissionBinding.Permission.PUBLISHER;
import static io.busbar.policy.PermissionBinding.Permission.SUBSCRIBER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PermitTest {
  private static final Map<String, Attribute> VEHICLE =
      Map.of(
          "type", new Attribute.Text("vehicle"),
          "zones", new Attribute.Texts(List.of("north", "south")));

  private final Policy policy =
      new TestPolicy()
          .client("vehicle01", VEHICLE)
          .client("map-app", Map.of("type", new Attribute.Text("app")))
          .client("bare", Map.of())
          .group("vehicles", "attributes.type = 'vehicle'")
          .group("apps", "attributes.type = 'app' or attributes.missing = 'x'")
          .space("vehicles", "vehicles/${client.authenticationName}/#")
          .space("all-vehicles", "vehicles/+/position", "zones/${client.attributes.zones}/#")
          .space("hello", "hello")
          .bind("vehicles", PUBLISHER, "vehicles")
          .bind("vehicles", SUBSCRIBER, "all-vehicles")
          .bind("apps", SUBSCRIBER, "vehicles")
          .bind("apps", SUBSCRIBER, "all-vehicles")
          .bind("$all", SUBSCRIBER, "hello")
          .compile();

  private final Permit vehicle = permit("vehicle01");
  private final Permit app = permit("map-app");
  private final Permit bare = permit("bare");

  @Test
  void publish() {
    assertThat(mayPublish(vehicle, "vehicles/vehicle01/position")).isTrue();
    assertThat(mayPublish(vehicle, "vehicles/vehicle01")).isTrue();
    assertThat(mayPublish(vehicle, "vehicles/vehicle02/position")).isFalse();
    assertThat(mayPublish(vehicle, "vehicles/vehicle011")).isFalse();
    assertThat(mayPublish(vehicle, "vehicles/VEHICLE01")).isFalse();
    assertThat(mayPublish(vehicle, "hello")).isFalse();
    assertThat(mayPublish(app, "vehicles/map-app")).isFalse();
  }

  @Test
  void subscribe() {
    assertThat(maySubscribe(vehicle, "vehicles/+/position")).isTrue();
    assertThat(maySubscribe(vehicle, "vehicles/vehicle02/position")).isTrue();
    assertThat(maySubscribe(vehicle, "vehicles/vehicle01/#")).isFalse();
    assertThat(maySubscribe(vehicle, "zones/south/+")).isTrue();
    assertThat(maySubscribe(vehicle, "zones/+/x")).isFalse();
    assertThat(maySubscribe(vehicle, "#")).isFalse();
    assertThat(maySubscribe(vehicle, "hello")).isTrue();
    assertThat(maySubscribe(bare, "hello")).isTrue();
    assertThat(maySubscribe(bare, "vehicles/+/position")).isFalse();
    assertThat(maySubscribe(app, "vehicles/map-app/#")).isTrue();
    assertThat(maySubscribe(app, "zones/north/x")).isFalse();
  }

  @Test
  void why_namesGroupsAndNearestTemplate() {
    assertThat(vehicle.whyNotPublish("vehicles/vehicle01/x")).isEmpty();
    assertThat(vehicle.whyNotSubscribe("vehicles/+/position")).isEmpty();
    assertThat(vehicle.whyNotPublish("vehicles/vehicle02/position"))
        .contains(
            "no Publisher binding of client 'vehicle01' (groups: $all, vehicles) matches topic"
                + " 'vehicles/vehicle02/position'; nearest template: 'vehicles/vehicle01/#' of"
                + " topic space 'vehicles'");
    assertThat(vehicle.whyNotSubscribe("zones/south"))
        .as("allowed, for zones/south/# covers its parent")
        .isEmpty();
    assertThat(vehicle.whyNotSubscribe("zones/southwest/#"))
        .contains(
            "no Subscriber binding of client 'vehicle01' (groups: $all, vehicles) covers filter"
                + " 'zones/southwest/#'; nearest template: 'zones/south/#' of topic space"
                + " 'all-vehicles'");
    assertThat(bare.whyNotPublish("a"))
        .contains("client 'bare' (groups: $all) has no Publisher binding, asked for topic 'a'");
    assertThat(vehicle.whyNotPublish("$SYS/x"))
        .contains(
            "topic '$SYS/x' begins with '$', which is reserved; client 'vehicle01' (groups: $all,"
                + " vehicles)");
  }

  @Test
  void why_missingAttribute() {
    Permit permit =
        new TestPolicy()
            .client("c1", Map.of())
            .space("zone", "zones/${client.attributes.zone}")
            .bind("$all", PUBLISHER, "zone")
            .compile()
            .permit(policy.client("bare").orElseThrow());
    assertThat(permit.whyNotPublish("zones/north"))
        .contains(
            "no Publisher binding of client 'bare' (groups: $all) matches topic 'zones/north';"
                + " template 'zones/${client.attributes.zone}' of topic space 'zone' gives nothing:"
                + " the client has no attribute 'zone'");
  }

  @Test
  void why_isOneBoundedLine() {
    TestPolicy wide = new TestPolicy().client("c1", Map.of()).space("a-space", "x".repeat(4_000));
    for (int i = 0; i < 50; i++) {
      wide.group("group-" + "long-".repeat(8) + i, "authenticationName = 'c1'");
    }
    Policy compiled = wide.bind("$all", PUBLISHER, "a-space").compile();
    Permit permit = compiled.permit(compiled.client("c1").orElseThrow());
    String why = permit.whyNotPublish("t\n\u0007\u202e" + "y/".repeat(20_000)).orElseThrow();
    assertThat(why).hasSizeLessThanOrEqualTo(400).contains("and 48 more", "t\\u000a\\u0007\\u202e");
    assertThat(why.chars().noneMatch(Character::isISOControl)).isTrue();
  }

  @Test
  void why_agreesWithMay() {
    Random random = new Random(4);
    String[] levels = {
      "vehicles", "vehicle01", "zones", "north", "position", "hello", "+", "#", ""
    };
    for (int round = 0; round < 20_000; round++) {
      StringBuilder text = new StringBuilder(levels[random.nextInt(6)]);
      for (int i = random.nextInt(4); i > 0; i--) {
        text.append('/').append(levels[random.nextInt(levels.length)]);
      }
      String any = text.toString();
      assertThat(vehicle.whyNotSubscribe(any).isEmpty()).isEqualTo(maySubscribe(vehicle, any));
      assertThat(vehicle.whyNotPublish(any).isEmpty()).isEqualTo(mayPublish(vehicle, any));
    }
  }

  @Test
  void filtersOfAPermit_areBounded() {
    Attribute many =
        new Attribute.Texts(IntStream.range(0, 1_000).mapToObj(Integer::toString).toList());
    TestPolicy wide = new TestPolicy().client("c1", Map.of("m", many));
    for (int i = 0; i < 20; i++) {
      wide.space("space-" + i, "s" + i + "/${client.attributes.m}");
      wide.bind("$all", PUBLISHER, "space-" + i);
    }
    Policy compiled = wide.space("last", "last").bind("$all", PUBLISHER, "last").compile();
    Permit permit = compiled.permit(compiled.client("c1").orElseThrow());
    assertThat(mayPublish(permit, "s0/999")).isTrue();
    assertThat(mayPublish(permit, "s15/999")).isTrue();
    assertThat(mayPublish(permit, "s16/0")).as("beyond 16384 filters").isFalse();
    assertThat(mayPublish(permit, "last")).as("fits again").isTrue();
  }

  private Permit permit(String name) {
    return policy.permit(policy.client(name).orElseThrow());
  }

  private static boolean mayPublish(Permit permit, String topic) {
    byte[] bytes = topic.getBytes(UTF_8);
    return permit.mayPublish(bytes, 0, bytes.length);
  }

  private static boolean maySubscribe(Permit permit, String filter) {
    return permit.maySubscribe(filter.getBytes(UTF_8));
  }
}
