package io.busbar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.config.ConfigException;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArmTemplateTest {
  private static final String DECLARED =
      """
      {"parameters": {"ns": {"defaultValue": "plant"}, "size": {"type": "int"},
                      "again": {"defaultValue": "[parameters('again')]"}},
       "variables": {"both": "[concat(parameters('ns'), '-', 'x')]"},
       "resources": [{"type": "Microsoft.EventGrid/namespaces", "name": "n",
                      "properties": {"value": "%s"}}]}
      """;

  private static Object value(String expression) {
    JsonObject template = new JsonObject(DECLARED.formatted(expression));
    return new ArmTemplate(template, Map.of("size", 7))
        .resources()
        .get(0)
        .resource()
        .getJsonObject("properties")
        .getValue("value");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "plain | plain",
        "[[plain] | [plain]",
        "[parameters('ns')] | plant",
        "[ toUpper( variables('both') ) ] | PLANT-X",
        "[format('{0}/{1}/{0}', 'a', 'it''s')] | a/it's/a",
        "[resourceGroup().location] | local",
        "[resourceId('Microsoft.EventGrid/namespaces/topics', 'n', 't')]"
            + " | /Microsoft.EventGrid/namespaces/n/topics/t",
        "[string(parameters('size'))] | 7"
      })
  void anExpressionIsEvaluated(String expression, String expected) {
    assertThat(value(expression)).isEqualTo(expected);
  }

  @Test
  void aParameterKeepsItsType() {
    assertThat(value("[parameters('size')]")).isEqualTo(7);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "[parameters('none')] | parameter \"none\" is not declared",
        "[variables('none')] | variable \"none\" is not declared",
        "[uniqueString('a')] | function \"uniqueString\" is not understood (allowed: parameters,",
        "[concat('a' 'b')] | column 12 (expected ))",
        "['a] | column 3 (expected ')",
        "[concat('a')) | [concat('a'))",
        "[parameters('again')] | refers to itself"
      })
  void whatIsNotUnderstoodIsSaid(String expression, String why) {
    if (!expression.endsWith("]")) {
      assertThat(value(expression)).as("no expression").isEqualTo(why);
      return;
    }
    assertThatThrownBy(() -> value(expression))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(why);
  }

  @Test
  void resourcesMayStandWithinOthersOrUnderNames() {
    String template =
        """
        {"resources": {
          "plant": {"type": "Microsoft.EventGrid/namespaces", "name": "n", "resources": [
            {"type": "topics", "name": "t", "resources": [
              {"type": "eventSubscriptions", "name": "s", "dependsOn": ["x"]}]}]},
          "client": {"type": "Microsoft.EventGrid/namespaces/clients", "name": "n/c"}}}
        """;
    List<ArmTemplate.Item> items = new ArmTemplate(new JsonObject(template), Map.of()).resources();
    assertThat(items.stream().map(item -> item.type() + " " + String.join("/", item.names())))
        .containsExactly(" n", "topics n/t", "topics/eventSubscriptions n/t/s", "clients n/c");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{\"type\": \"Microsoft.Web/sites\", \"name\": \"a\"}"
            + " | type \"Microsoft.Web/sites\" (allowed: Microsoft.EventGrid/namespaces",
        "{\"type\": \"Microsoft.EventGrid/namespaces/clients\", \"name\": \"c\"}"
            + " | (allowed: 2 names, joined by slashes)",
        "{\"type\": \"Microsoft.EventGrid/namespaces\", \"name\": \"n\", \"copy\": {}}"
            + " | \"copy\" is not understood"
      })
  void whatIsNoResourceOfANamespaceIsSaid(String resource, String why) {
    JsonObject template = new JsonObject("{\"resources\": [" + resource + "]}");
    assertThatThrownBy(() -> new ArmTemplate(template, Map.of()).resources())
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(why);
  }

  @Test
  void aParameterThatTheTemplateHasNotIsSaid() {
    assertThatThrownBy(() -> new ArmTemplate(new JsonObject("{}"), Map.of("a", 1)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("the template has no parameter \"a\"");
  }
}
