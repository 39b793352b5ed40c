package io.busbar.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.config.ConfigException;
import io.busbar.config.Profile;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import org.junit.jupiter.api.Test;

/** What is sent of a namespace, and what stands of it in the store. */
class NamespaceShapeTest {
  private static JsonObject made(Profile profile, String method, JsonObject issuer) {
    JsonObject body =
        new JsonObject()
            .put(
                "properties",
                new JsonObject()
                    .put(
                        "topicSpacesConfiguration",
                        new JsonObject()
                            .put("clientAuthentication", new JsonObject().put(method, issuer))));
    return new JsonObject(Buffer.buffer(new NamespaceShape("h", 60, profile).made("plant", body)));
  }

  private static JsonObject discovered() {
    return new JsonObject().put("tokenIssuer", "https://sts.example.com/").put("discovery", true);
  }

  @Test
  void anIssuerMayPublishItsKeysButInProfileAzureACustomOneMayNot() {
    for (String method : new String[] {"customJwtAuthentication", "oauth2JwtAuthentication"}) {
      assertThat(made(Profile.OPEN, method, discovered()).getJsonObject(method))
          .isEqualTo(discovered());
    }
    made(Profile.AZURE, "oauth2JwtAuthentication", discovered());
    assertThatThrownBy(() -> made(Profile.AZURE, "customJwtAuthentication", discovered()))
        .isInstanceOf(ApiError.class)
        .hasMessageContaining("customJwtAuthentication: this node fetches no keys of its issuer");
  }

  @Test
  void anIssuerNamesItsKeysInOneWay() {
    assertThatThrownBy(
            () ->
                made(
                    Profile.OPEN,
                    "customJwtAuthentication",
                    discovered().put("jwksUri", "https://sts.example.com/keys")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("discovery: given besides jwksUri (allowed: one of them)");
    assertThatThrownBy(
            () ->
                made(
                    Profile.OPEN,
                    "customJwtAuthentication",
                    discovered().put("tokenIssuer", "plant")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("tokenIssuer: is not a URL, which discovery needs");
    assertThatThrownBy(
            () ->
                made(
                    Profile.OPEN,
                    "customJwtAuthentication",
                    new JsonObject().put("tokenIssuer", "plant")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("none with jwksUri or discovery");
  }
}
