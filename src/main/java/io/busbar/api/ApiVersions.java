package io.busbar.api;

import java.util.Set;
import java.util.TreeSet;

/**
 * The versions of Event Grid's API that have namespaces: all are served alike, with what any has.
 */
final class ApiVersions {
  private static final Set<String> KNOWN =
      new TreeSet<>(
          Set.of(
              "2023-06-01-preview",
              "2023-12-15-preview",
              "2024-06-01-preview",
              "2024-12-15-preview",
              "2025-02-15",
              "2025-04-01-preview",
              "2025-07-15-preview",
              "2025-10-15-preview",
              "2025-11-15-preview"));

  private ApiVersions() {}

  static void require(String version) {
    if (version == null || version.isEmpty()) {
      throw new ApiError(
          400,
          "MissingApiVersionParameter",
          "the api-version query parameter is missing (allowed: %s)"
              .formatted(String.join(", ", KNOWN)));
    }
    if (!KNOWN.contains(version)) {
      throw new ApiError(
          400,
          "InvalidApiVersionParameter",
          "the api-version is not known (allowed: %s)".formatted(String.join(", ", KNOWN)));
    }
  }
}
