package io.busbar.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.ClientGroup;
import io.busbar.policy.Namespace;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.PermissionBinding;
import io.busbar.policy.Permit;
import io.busbar.policy.Policy;
import io.busbar.policy.PolicyException;
import io.busbar.policy.TopicSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;

/**
 * The data is lines: two templates, a client's name, the values of its attribute {@code list}
 * (between commas), of {@code text} and {@code number}, a query; then topics and filters. What the
 * client may do is what {@link SlowTemplate} and {@link SlowTopics} say, and it is in a group if
 * {@link SlowQuery} says so.
 */
public final class TemplateFuzz {
  private static final int LINES = 20;
  private static final int LENGTH = 320;
  private static final String IN_GROUP = "only/for/the/group";

  private TemplateFuzz() {}

  /** Throws if the product and the model disagree. */
  public static void fuzzerTestOneInput(byte[] data) {
    List<String> lines = new ArrayList<>();
    SlowTopics.lines(data, LINES, LENGTH).forEach(line -> lines.add(anyText(line)));
    while (lines.size() < 7) {
      lines.add("");
    }
    List<String> templates = new ArrayList<>();
    for (String text : lines.subList(0, 2)) {
      boolean is = judged(() -> new TopicSpace("space", List.of(text))) != null;
      assertThat(is).as("a template: %s", text).isEqualTo(SlowTemplate.isTemplate(text));
      if (is) {
        templates.add(text);
      }
    }
    String name = lines.get(2);
    List<String> list = Arrays.asList(lines.get(3).split(",", -1));
    long number = lines.get(5).length() - 3L;
    Client client =
        judged(
            () ->
                new Client(
                    "client",
                    name,
                    true,
                    Client.ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
                    List.of(),
                    Map.of(
                        "list", new Attribute.Texts(list),
                        "text", new Attribute.Text(lines.get(4)),
                        "number", new Attribute.Whole(number))));
    if (client == null) {
      return;
    }
    List<String> topics = lines.subList(7, lines.size());
    Map<String, List<String>> texts = Map.of("list", list, "text", List.of(lines.get(4)));
    query(client, lines.get(6), new SlowQuery(name, texts, Map.of("number", number)));
    if (!templates.isEmpty()) {
      Set<String> filters = new TreeSet<>();
      for (String template : templates) {
        Map<String, List<String>> values =
            Map.of("list", list, "text", List.of(lines.get(4)), "number", List.of("" + number));
        filters.addAll(SlowTemplate.filters(template, name, values));
      }
      permit(permit(client, templates), filters, topics);
    }
  }

  /** What a strict decoder makes of it; lone surrogates in the place of what it does not know. */
  private static String anyText(byte[] line) {
    String text = new String(line, UTF_8);
    return text.replace('\ufffd', text.length() % 2 == 0 ? '\ud83d' : '\ude9a');
  }

  /** What is made, or null if it breaks a rule; nothing else may go wrong. */
  private static <T> T judged(Supplier<T> make) {
    try {
      return make.get();
    } catch (PolicyException e) {
      assertThat(e.problem()).isNotBlank();
      assertThat(e.getMessage().chars()).noneMatch(Character::isISOControl);
      return null;
    }
  }

  private static void query(Client client, String query, SlowQuery model) {
    Optional<Boolean> expected = model.holds(query);
    ClientGroup group = judged(() -> new ClientGroup("group", query));
    assertThat(group != null).as("a query: %s", query).isEqualTo(expected.isPresent());
    if (group == null) {
      return;
    }
    Permit permit =
        Policy.compile(
                new Namespace(
                    new NamespaceSettings("plant", List.of()),
                    List.of(client),
                    List.of(group),
                    List.of(new TopicSpace("space", List.of(IN_GROUP))),
                    List.of(bound("one", "group", PermissionBinding.Permission.PUBLISHER)),
                    List.of()))
            .permit(client);
    assertThat(mayPublish(permit, IN_GROUP)).as("holds: %s", query).isEqualTo(expected.get());
  }

  private static PermissionBinding bound(
      String name, String group, PermissionBinding.Permission permission) {
    return new PermissionBinding(name, group, "space", permission);
  }

  private static Permit permit(Client client, List<String> templates) {
    Namespace namespace =
        new Namespace(
            new NamespaceSettings("plant", List.of()),
            List.of(client),
            List.of(),
            List.of(new TopicSpace("space", templates)),
            List.of(
                bound("pub", ClientGroup.ALL, PermissionBinding.Permission.PUBLISHER),
                bound("sub", ClientGroup.ALL, PermissionBinding.Permission.SUBSCRIBER)),
            List.of());
    return Policy.compile(namespace).permit(client);
  }

  private static boolean mayPublish(Permit permit, String topic) {
    byte[] bytes = ("$" + topic + "/").getBytes(UTF_8);
    return permit.mayPublish(bytes, 1, bytes.length - 2);
  }

  private static void permit(Permit permit, Set<String> filters, List<String> lines) {
    Set<String> asked = new TreeSet<>(lines);
    filters.stream().limit(8).forEach(filter -> asked.addAll(near(filter)));
    asked.removeIf(
        text ->
            text.indexOf('\0') >= 0 || text.codePoints().anyMatch(c -> c >= 0xd800 && c <= 0xdfff));
    List<String> topics = asked.stream().filter(t -> !t.isEmpty() && SlowTopics.isName(t)).toList();
    for (String topic : topics) {
      boolean may =
          !topic.startsWith("$") && filters.stream().anyMatch(f -> SlowTopics.matches(f, topic));
      assertThat(mayPublish(permit, topic)).as("%s by %s", topic, filters).isEqualTo(may);
      why(permit.whyNotPublish(topic), may);
    }
    int depth = 1 + filters.stream().mapToInt(f -> SlowTopics.levels(f).size()).max().orElse(0);
    for (String filter : asked) {
      if (!SlowTopics.isFilter(filter)) {
        continue;
      }
      List<String> witnesses = SlowTopics.witnesses(filter, depth);
      boolean may =
          filters.stream()
              .anyMatch(f -> witnesses.stream().allMatch(t -> SlowTopics.matches(f, t)));
      boolean found = permit.maySubscribe(filter.getBytes(UTF_8));
      assertThat(found).as("%s by %s", filter, filters).isEqualTo(may);
      why(permit.whyNotSubscribe(filter), may);
      for (String topic : topics) {
        if (found && !topic.startsWith("$") && SlowTopics.matches(filter, topic)) {
          // the same templates: who may hear it may say it
          assertThat(mayPublish(permit, topic)).as("%s of %s", topic, filter).isTrue();
        }
      }
    }
  }

  private static void why(Optional<String> why, boolean may) {
    assertThat(why.isEmpty()).isEqualTo(may);
    assertThat(why.orElse("")).hasSizeLessThanOrEqualTo(400);
    assertThat(why.orElse("").chars()).noneMatch(Character::isISOControl);
  }

  /** A filter, what it matches, and what is just beside it. */
  private static List<String> near(String filter) {
    List<String> near = new ArrayList<>(SlowTopics.witnesses(filter, 2));
    near.addAll(
        List.of(filter, filter + "/", filter + "x", filter + "/#", "+/" + filter, "#", "+/#"));
    for (int slash = filter.indexOf('/'); slash >= 0; slash = filter.indexOf('/', slash + 1)) {
      String head = filter.substring(0, slash);
      near.addAll(List.of(head, head + "/+", head + "/#"));
    }
    return near;
  }
}
