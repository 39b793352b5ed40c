package io.busbar.policy;

import io.busbar.policy.TokenIssuer.Published;
import java.security.PublicKey;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The keys that issuers of tokens publish, as they were fetched last. For one thread. */
public final class PublishedKeys {
  /** Null for who has said nothing yet. */
  private final Map<Published, List<TokenKey>> known = new HashMap<>();

  PublishedKeys() {}

  /**
   * From now on these are an issuer's.
   *
   * @return whether somebody may have a token of a key that is none of them
   */
  public boolean are(Published at, List<TokenKey> now) {
    List<TokenKey> before = known.put(at, List.copyOf(now));
    return before == null || !before.stream().allMatch(one -> isAmong(now, one.key()));
  }

  /** From now on these are asked, and no others. */
  public void asked(Collection<Published> places) {
    known.keySet().retainAll(places);
    places.forEach(place -> known.putIfAbsent(place, null));
  }

  /** Whether a key may be one of them: any may, until who is asked has said what they are. */
  boolean mayBe(Published at, PublicKey key) {
    List<TokenKey> now = known.get(at);
    return now == null ? known.containsKey(at) : isAmong(now, key);
  }

  private static boolean isAmong(List<TokenKey> keys, PublicKey key) {
    return keys.stream().anyMatch(one -> one.key().equals(key));
  }
}
