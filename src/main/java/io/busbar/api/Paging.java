package io.busbar.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vertx.core.MultiMap;
import java.net.URLEncoder;
import java.util.Base64;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Which part of a list is asked for, as Azure's lists have it.
 *
 * @param most of a page ({@code $top})
 * @param names that are wanted ({@code $filter})
 * @param after where the page begins ({@code $skipToken}), or null
 */
record Paging(int most, Predicate<String> names, String after) {
  private static final int PAGE = 20;
  private static final int MAX_PAGE = 100;

  /**
   * Reads the parameters of a query.
   *
   * @throws ApiError if one is none that is allowed
   */
  static Paging of(MultiMap query) {
    int most = PAGE;
    String top = query.get("$top");
    if (top != null) {
      most = top.matches("[0-9]{1,9}") ? Integer.parseInt(top) : 0;
      if (most < 1 || most > MAX_PAGE) {
        throw ApiError.invalid(
            "$top: not a number of the page (allowed: 1 to %d)".formatted(MAX_PAGE));
      }
    }
    String filter = query.get("$filter");
    Predicate<String> names =
        filter == null || filter.isBlank() ? name -> true : NameFilter.of(filter);
    return new Paging(most, names, after(query.get("$skipToken")));
  }

  private static String after(String token) {
    try {
      return token == null ? null : new String(Base64.getUrlDecoder().decode(token), UTF_8);
    } catch (IllegalArgumentException e) {
      throw ApiError.invalid("$skipToken: not one of a nextLink");
    }
  }

  /** The link to the page that follows. */
  static String next(String uri, MultiMap query, String after) {
    int mark = uri.indexOf('?');
    StringBuilder link = new StringBuilder(mark < 0 ? uri : uri.substring(0, mark));
    char separator = '?';
    for (Map.Entry<String, String> one : query) {
      if (!one.getKey().equals("$skipToken")) {
        link.append(separator)
            .append(URLEncoder.encode(one.getKey(), UTF_8))
            .append('=')
            .append(URLEncoder.encode(one.getValue(), UTF_8));
        separator = '&';
      }
    }
    return link.append(separator)
        .append("$skipToken=")
        .append(Base64.getUrlEncoder().withoutPadding().encodeToString(after.getBytes(UTF_8)))
        .toString();
  }
}
