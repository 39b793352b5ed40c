package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.Resource.Kind;
import io.busbar.policy.Shadow.Difference;
import io.busbar.policy.Shadow.Right;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ShadowTest {
  private static final TestCa ROOT = TestCa.root("CN=Root");
  private static final X509Certificate LEAF = ROOT.issue("CN=truck-1");

  private final Policy policy =
      new TestPolicy()
          .client("truck-1", Map.of("kind", new Attribute.Text("truck")))
          .client("car-1", Map.of("kind", new Attribute.Text("car")))
          .group("trucks", "attributes.kind = 'truck'")
          .space("loads", "loads/${client.authenticationName}/#")
          .bind("trucks", Permission.PUBLISHER, "loads")
          .bind("trucks", Permission.SUBSCRIBER, "loads")
          .authorities(ROOT)
          .compile();

  private Admission.Granted truck() {
    return (Admission.Granted) policy.admit("truck-1", "s", List.of(LEAF), TestCa.NOW);
  }

  private Shadow shadow(Policy.Change... changes) {
    return new Shadow(policy, List.of(changes));
  }

  private static Policy.Change put(Resource resource) {
    return new Policy.Change(resource.kind(), resource.id(), resource);
  }

  private static Policy.Change remove(Kind kind, String name) {
    return new Policy.Change(kind, kind.id(name), null);
  }

  private static boolean publishes(Permit permit, String topic) {
    byte[] bytes = topic.getBytes(UTF_8);
    return permit.mayPublish(bytes, 0, bytes.length);
  }

  private static Difference difference(Right right, String object, boolean isAllowed, String why) {
    return new Difference("truck-1", right, object, isAllowed, why);
  }

  @Test
  void decisions_areThoseOfThePolicyInForce() {
    Permit permit = shadow(remove(Kind.CLIENT_GROUP, "trucks")).beside(truck()).permit();
    assertThat(publishes(permit, "loads/truck-1/x")).isTrue();
    assertThat(permit.maySubscribe("loads/truck-1/#".getBytes(UTF_8))).isTrue();
    assertThat(permit.whyNotPublish("loads/truck-1/x")).isEmpty();
    assertThat(permit.whyNotSubscribe("loads/truck-1/#")).isEmpty();
    assertThat(publishes(permit, "other")).isFalse();
    assertThat(permit.whyNotPublish("other"))
        .isEqualTo(truck().permit().whyNotPublish("other"))
        .isPresent();
  }

  @Test
  void whatTheDraftTakes_isToldOnceWithItsReason() {
    Shadow shadow = shadow(put(new TopicSpace("loads", List.of("loads/new/#"))));
    Permit permit = shadow.beside(truck()).permit();
    for (int i = 0; i < 3; i++) {
      publishes(permit, "loads/truck-1/x");
      permit.maySubscribe("loads/truck-1/x".getBytes(UTF_8));
    }
    publishes(permit, "other");
    List<Difference> told = shadow.since(0, 10);
    assertThat(told).hasSize(2);
    assertThat(told.get(0))
        .isEqualTo(difference(Right.PUBLISH, "loads/truck-1/x", true, told.get(0).why()));
    assertThat(told.get(0).why()).contains("loads/new/#");
    assertThat(told.get(1).right()).isEqualTo(Right.SUBSCRIBE);
    assertThat(shadow.since(2, 10)).isEmpty();
    assertThat(shadow.since(1, 10)).as("asked for again").isEqualTo(told.subList(1, 2));
    assertThat(shadow.since(0, 1)).isEqualTo(told.subList(0, 1));
    assertThat(shadow.compared()).isEqualTo(8);
  }

  @Test
  void whatTheDraftGives_isToldWithTheReasonOfNow() {
    Shadow shadow = shadow(put(new TopicSpace("loads", List.of("#"))));
    Permit permit = shadow.beside(truck()).permit();
    assertThat(publishes(permit, "other")).isFalse();
    assertThat(shadow.since(0, 10))
        .containsExactly(
            difference(
                Right.PUBLISH,
                "other",
                false,
                truck().permit().whyNotPublish("other").orElseThrow()));
  }

  @Test
  void whoWouldNotBeLetIn_andWhoWould() {
    Shadow shadow =
        shadow(remove(Kind.CLIENT, "truck-1"), put(client("bus-1")), remove(Kind.CLIENT, "car-1"));
    Admission.Granted truck = truck();
    assertThat(shadow.beside(truck)).isSameAs(truck);
    Admission.Refused refused =
        (Admission.Refused) policy.admit("bus-1", "s", List.of(ROOT.issue("CN=bus-1")), TestCa.NOW);
    shadow.refused(
        "bus-1",
        refused,
        shadow.draft().admit("bus-1", "s", List.of(ROOT.issue("CN=bus-1")), TestCa.NOW));
    shadow.beside(policy.client("car-1").orElseThrow(), truck.permit());
    assertThat(shadow.since(0, 10))
        .containsExactly(
            difference(Right.CONNECT, "", true, "client 'truck-1' is not registered any more"),
            new Difference("bus-1", Right.CONNECT, "", false, "client 'bus-1' is not registered"),
            new Difference("car-1", Right.CONNECT, "", true, "client 'car-1' is not registered"));
  }

  @Test
  void aChangeOfThePolicyInForce_isTheDrafts() {
    Shadow shadow = shadow(put(new TopicSpace("other", List.of("other/#"))));
    policy.put(new TopicSpace("loads", List.of("loads/#")));
    shadow.follow(policy);
    Permit permit = shadow.beside(truck()).permit();
    assertThat(publishes(permit, "loads/anything")).isTrue();
    policy.put(client("late"));
    assertThat(shadow.draft().client("late")).isPresent();
    assertThat(shadow.since(0, 10)).isEmpty();
  }

  @Test
  void ofVeryManyDifferences_aBoundedNumberIsToldAndTheRestCounted() {
    Shadow shadow = shadow(remove(Kind.CLIENT_GROUP, "trucks"));
    Permit permit = shadow.beside(truck()).permit();
    for (int i = 0; i < Shadow.MOST + 5; i++) {
      publishes(permit, "loads/truck-1/" + i);
    }
    publishes(permit, "loads/truck-1/0");
    assertThat(shadow.since(0, Shadow.MOST + 5)).hasSize(Shadow.MOST);
    assertThat(shadow.leftOut()).isEqualTo(5);
  }

  @Test
  void namesThatAreVeryLong_areCut() {
    Shadow shadow = shadow(remove(Kind.CLIENT_GROUP, "trucks"));
    publishes(shadow.beside(truck()).permit(), "loads/truck-1/" + "x".repeat(60_000));
    assertThat(shadow.since(0, 10))
        .singleElement()
        .satisfies(one -> assertThat(one.object()).hasSize(Text.LINE).endsWith("x…"));
  }

  private static Client client(String name) {
    return new Client(
        name,
        name,
        true,
        Client.ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
        List.of(),
        Map.of());
  }
}
