package io.busbar.policy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.NamespaceSettings.NameSource;
import io.busbar.policy.PermissionBinding.Permission;
import io.busbar.policy.Resource.Kind;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.bouncycastle.asn1.x509.GeneralName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A policy that changes, and says why. */
class PolicyTest {
  private static final TestCa ROOT = TestCa.root("CN=Root");
  private static final TestCa OTHER = TestCa.root("CN=Other");
  private static final X509Certificate LEAF = ROOT.issue("CN=truck-1");

  private final Policy policy =
      new TestPolicy()
          .client("truck-1", Map.of("kind", new Attribute.Text("truck")))
          .client("car-1", Map.of("kind", new Attribute.Text("car")))
          .group("trucks", "attributes.kind = 'truck'")
          .space("loads", "loads/${client.authenticationName}")
          .bind("trucks", Permission.PUBLISHER, "loads")
          .authorities(ROOT)
          .compile();

  private Admission.Granted connected() {
    return (Admission.Granted) policy.admit("truck-1", "s", List.of(LEAF), TestCa.NOW);
  }

  private static Client client(String name, boolean enabled, String kind) {
    return new Client(
        name,
        name,
        enabled,
        ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
        List.of(),
        Map.of("kind", new Attribute.Text(kind)));
  }

  private boolean mayPublish(Admission admission, String topic) {
    byte[] bytes = topic.getBytes(UTF_8);
    return ((Admission.Granted) admission).permit().mayPublish(bytes, 0, bytes.length);
  }

  private static void refused(Admission admission, String why) {
    assertThat(admission)
        .isInstanceOfSatisfying(
            Admission.Refused.class, refused -> assertThat(refused.text()).contains(why));
  }

  @Test
  void whereNothingChangedForAClientTheAnswerIsTheOneBefore() {
    Admission.Granted before = connected();

    policy.put(new ClientGroup("others", "attributes.type = 'ship'"));
    policy.put(new TopicSpace("sea", List.of("sea/${client.authenticationName}")));
    policy.put(new PermissionBinding("sea", "others", "sea", Permission.PUBLISHER));
    assertThat(policy.again(before)).isSameAs(before);

    policy.put(new PermissionBinding("sea", "$all", "sea", Permission.PUBLISHER));
    Admission now = policy.again(before);
    assertThat(mayPublish(now, "sea/truck-1")).isTrue();
    assertThat(policy.again((Admission.Granted) now)).isSameAs(now);

    policy.put(new TopicSpace("sea", List.of("ocean/${client.authenticationName}")));
    assertThat(mayPublish(policy.again((Admission.Granted) now), "sea/truck-1")).isFalse();

    policy.put(new ClientGroup("others", "attributes.type = 'truck'"));
    assertThat(policy.again(before)).as("its reasons name the group").isNotSameAs(before);
  }

  @Test
  void aChangedClientIsJudgedAgain() {
    Admission.Granted before = connected();
    assertThat(mayPublish(before, "loads/truck-1")).isTrue();

    Affected car = policy.put(client("truck-1", true, "car"));
    assertThat(car.is("TRUCK-1")).isTrue();
    assertThat(car.is("car-1")).isFalse();
    assertThat(mayPublish(policy.again(before), "loads/truck-1")).isFalse();

    policy.put(client("truck-1", false, "truck"));
    refused(policy.again(before), "client 'truck-1' is disabled");

    assertThat(policy.remove(Kind.CLIENT, "truck-1").is("truck-1")).isTrue();
    refused(policy.again(before), "client 'truck-1' is not registered any more");
    assertThat(policy.remove(Kind.CLIENT, "truck-1").isNobody()).isTrue();

    policy.put(client("truck-1", true, "truck"));
    assertThat(mayPublish(policy.again(before), "loads/truck-1")).isTrue();
  }

  @Test
  void whoProvesOtherwiseFromNowOnIsEnded() {
    Admission.Granted before = connected();
    policy.put(
        new Client(
            "truck-1",
            "truck-1",
            true,
            ValidationScheme.THUMBPRINT_MATCH,
            List.of("ab".repeat(20)),
            Map.of()));
    refused(policy.again(before), "is to prove otherwise now who it is");
  }

  @Test
  void aCaThatIsGoneEndsThoseThatItVouchesFor() {
    Admission.Granted before = connected();
    assertThat(((Admission.Credential.Certificate) before.credential()).issuer().name())
        .isEqualTo("ca0");
    assertThat(before.until()).isEqualTo(LEAF.getNotAfter().toInstant());
    assertThat(policy.put(new CaCertificate("more", OTHER.certificate())).isNobody()).isTrue();
    assertThat(policy.again(before)).isInstanceOf(Admission.Granted.class);

    assertThat(policy.put(new CaCertificate("CA0", OTHER.certificate())).everyone()).isTrue();
    refused(
        policy.again(before), "has a certificate of CA 'ca0', which is not registered any more");
    policy.put(new CaCertificate("ca0", ROOT.certificate()));
    assertThat(policy.again(before)).isInstanceOf(Admission.Granted.class);
    assertThat(policy.remove(Kind.CA_CERTIFICATE, "ca0").everyone()).isTrue();
    refused(policy.again(before), "not registered any more");
  }

  @Test
  void groupsSpacesAndBindingsConcernEveryone() {
    Admission.Granted before = connected();
    assertThat(policy.put(new ClientGroup("Trucks", "attributes.kind = 'car'")).everyone())
        .as("names of groups are the same in any case")
        .isTrue();
    assertThat(mayPublish(policy.again(before), "loads/truck-1")).isFalse();
    assertThat(policy.put(new ClientGroup("Trucks", "attributes.kind = 'car'")).isNobody())
        .isTrue();
    policy.put(new ClientGroup("trucks", "attributes.kind = 'truck'"));
    assertThat(policy.remove(Kind.TOPIC_SPACE, "loads").everyone()).isTrue();
    assertThat(mayPublish(policy.again(before), "loads/truck-1"))
        .as("a binding to nothing gives nothing")
        .isFalse();
    policy.put(new TopicSpace("LOADS", List.of("loads/#")));
    assertThat(mayPublish(policy.again(before), "loads/any")).isTrue();
    assertThat(policy.remove(Kind.PERMISSION_BINDING, "b-0").everyone()).isTrue();
    assertThat(mayPublish(policy.again(before), "loads/any")).isFalse();
  }

  /** However it came to be what it is, it decides as one that was made of that at once. */
  @Test
  void aPolicyThatChangedIsOneThatWasMadeSo() {
    Random random = new Random(7);
    Policy changed = new Policy();
    Map<String, Resource> now = new TreeMap<>();
    for (int i = 0; i < 2_000; i++) {
      Resource one = resource(random);
      String key = one.kind() + one.id();
      if (random.nextInt(3) == 0) {
        changed.remove(one.kind(), one.id());
        now.remove(key);
      } else {
        changed.put(one);
        now.put(key, one);
      }
      Policy made = new Policy();
      now.values().forEach(made::put);
      for (String name : List.of("c0", "c1", "c2")) {
        assertThat(changed.client(name)).isEqualTo(made.client(name));
        for (String topic : List.of("t/c0", "t/c1", "u/1", "u/x")) {
          assertThat(changed.explain(name, Permission.PUBLISHER, topic).allowed())
              .as("step %d, %s to %s", i, name, topic)
              .isEqualTo(made.explain(name, Permission.PUBLISHER, topic).allowed());
        }
      }
    }
  }

  private static Resource resource(Random random) {
    String number = Integer.toString(random.nextInt(3));
    return switch (random.nextInt(4)) {
      case 0 -> client("c" + number, random.nextInt(4) > 0, random.nextBoolean() ? "x" : "y");
      case 1 ->
          new ClientGroup(
              "g-" + number, "attributes.kind = '" + (random.nextBoolean() ? "x" : "y") + "'");
      case 2 ->
          new TopicSpace(
              "s-" + number,
              List.of(random.nextBoolean() ? "t/${client.authenticationName}" : "u/+"));
      default ->
          new PermissionBinding(
              "b-" + number,
              random.nextInt(4) == 0 ? "$all" : "g-" + random.nextInt(3),
              "s-" + random.nextInt(3),
              random.nextInt(4) == 0 ? Permission.SUBSCRIBER : Permission.PUBLISHER);
    };
  }

  @Test
  void aDraftSaysWhatWouldBe_andChangesNothing() {
    String topic = "loads/car-1";
    List<Policy.Change> draft =
        List.of(
            change(new ClientGroup("trucks", "attributes.kind IN ['truck', 'car']")),
            new Policy.Change(Kind.TOPIC_SPACE, Kind.TOPIC_SPACE.id("nothing"), null));
    Explanation then = policy.draft(draft).explain("car-1", Permission.PUBLISHER, topic);
    assertThat(then.allowed()).isTrue();
    assertThat(policy.explain("car-1", Permission.PUBLISHER, topic).allowed()).isFalse();
    // a client that there is not yet, one that is not there any more, a right that is gone
    assertThat(
            policy
                .draft(List.of(change(client("bus-1", true, "truck"))))
                .explain("bus-1", Permission.PUBLISHER, "loads/bus-1")
                .allowed())
        .isTrue();
    Policy.Change gone = new Policy.Change(Kind.CLIENT, Kind.CLIENT.id("truck-1"), null);
    assertThat(
            policy
                .draft(List.of(gone))
                .explain("truck-1", Permission.PUBLISHER, "loads/truck-1")
                .reason())
        .isEqualTo("client 'truck-1' is not registered");
    Policy.Change unbound =
        new Policy.Change(Kind.PERMISSION_BINDING, Kind.PERMISSION_BINDING.id("b-0"), null);
    assertThat(
            policy
                .draft(List.of(unbound))
                .explain("truck-1", Permission.PUBLISHER, "loads/truck-1")
                .allowed())
        .isFalse();
    assertThat(policy.explain("truck-1", Permission.PUBLISHER, "loads/truck-1").allowed()).isTrue();
  }

  private static Policy.Change change(Resource resource) {
    return new Policy.Change(resource.kind(), resource.id(), resource);
  }

  @Test
  void saysWhy() {
    Explanation yes = policy.explain("Truck-1", Permission.PUBLISHER, "loads/truck-1");
    assertThat(yes.allowed()).isTrue();
    assertThat(yes.reason())
        .isEqualTo("permission binding 'b-0' gives group 'trucks' topic space 'loads'");
    assertThat(yes.groups()).containsExactly("$all", "trucks");
    assertThat(yes.bindings().get(0).templates().get(0))
        .isEqualTo(
            new Explanation.Template(
                "loads/${client.authenticationName}", List.of("loads/truck-1"), null, true));

    Explanation no = policy.explain("car-1", Permission.PUBLISHER, "loads/car-1");
    assertThat(no.allowed()).isFalse();
    assertThat(no.reason()).contains("has no Publisher binding");
    assertThat(no.bindings().get(0).isInGroup()).isFalse();
    assertThat(no.bindings().get(0).templates().get(0).matches()).isTrue();

    assertThat(policy.explain("bus-1", Permission.PUBLISHER, "a").reason())
        .isEqualTo("client 'bus-1' is not registered");
    policy.put(client("truck-1", false, "truck"));
    assertThat(policy.explain("truck-1", Permission.PUBLISHER, "loads/truck-1"))
        .matches(one -> !one.allowed() && one.reason().equals("client 'truck-1' is disabled"));
  }

  // --- certificates by their alternative names ---

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "DNS | 2 | truck-1.plant.example | TRUCK-1.plant.example",
        "URI | 6 | urn:truck:1           | urn:truck:1",
        "IP  | 7 | 10.1.2.3              | 10.1.2.3",
        "IP  | 7 | 2001:db8:0::0017 | 2001:DB8::17",
        "EMAIL | 1 | truck@plant.example | Truck@plant.example",
      })
  void aCertificateNamesItsClientAmongItsAlternativeNames(
      String scheme, int type, String inCertificate, String authenticationName) {
    GeneralName other = new GeneralName(GeneralName.dNSName, "other.example");
    X509Certificate leaf = ROOT.issue("CN=nobody", other, new GeneralName(type, inCertificate));
    Client client = alternative(scheme, authenticationName);
    policy.put(client);
    policy.put(
        new NamespaceSettings(
            "plant", List.of(NameSource.valueOf("CLIENT_CERTIFICATE_" + scheme))));

    for (String userName : List.of(authenticationName, "")) {
      assertThat(policy.admit(userName, "s", List.of(leaf), TestCa.NOW))
          .isInstanceOfSatisfying(
              Admission.Granted.class, granted -> assertThat(granted.client()).isEqualTo(client));
    }
    refused(
        policy.admit(authenticationName, "s", List.of(ROOT.issue("CN=x")), TestCa.NOW),
        "among its alternative names");
    GeneralName wrong = new GeneralName(type, inCertificate.replace('1', '2').replace('t', 'u'));
    refused(
        policy.admit(authenticationName, "s", List.of(ROOT.issue("CN=" + "x", wrong)), TestCa.NOW),
        "is not the authentication name");
    refused(
        policy.admit(
            authenticationName,
            "s",
            List.of(OTHER.issue("CN=x", new GeneralName(type, inCertificate))),
            TestCa.NOW),
        "leads to no registered CA");
  }

  private static Client alternative(String scheme, String authenticationName) {
    return new Client(
        "alternative",
        authenticationName,
        true,
        ValidationScheme.valueOf(scheme + "_MATCHES_AUTHENTICATION_NAME"),
        List.of(),
        Map.of());
  }

  @Test
  void addressesAreReadAsTheyAreWritten() {
    assertThat(SubjectNames.address("::")).isEqualTo(new byte[16]);
    assertThat(SubjectNames.address("1::"))
        .isEqualTo(SubjectNames.address("1:0:0:0:0:0:0:0"))
        .hasSize(16);
    assertThat(SubjectNames.address("::ffff:1")).isEqualTo(SubjectNames.address("0::FFFF:0001"));
    for (String one :
        List.of("::", "::1", "1::", "1:0:2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0")) {
      assertThat(SubjectNames.shortened(SubjectNames.address(one))).isEqualTo(one);
    }
    for (String bad :
        List.of(
            "",
            "1",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4.5",
            "1.2.3.x",
            "1:2",
            ":::",
            "1::2::3",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "::g",
            "1:2:3:4:5:6:7::8",
            ":1:2:3:4:5:6:7")) {
      assertThat(SubjectNames.address(bad)).as(bad).isNull();
    }
  }
}
