package io.busbar.chaos;

import java.util.Optional;

/**
 * What a run is.
 *
 * @param target for the report
 * @param start for bash, with {node}, {port}, {peer}, {peers} and {data}
 * @param before what the nodes are at first; each is started with {@code start} after its first
 *     kill
 * @param nodes processes, 1 or more
 * @param kills how many SIGKILLs in all, 0 for none
 * @param drainEvery after so many kills publishing pauses until all sessions are drained
 * @param allEvery each so many-th kill takes all nodes at once; 0 for never
 * @param publishers half of them at QoS 1, half at QoS 2
 * @param window unsettled messages of a publisher
 * @param rate messages a second of all publishers at most, 0 for no limit
 * @param pause milliseconds that a node is stopped at most after each kill, and goes on then; 0 for
 *     never
 * @param calm milliseconds, longest from the first answers after a kill to the next
 * @param seed of what is random, but for what the machine makes of it
 * @param patience seconds without any progress after which there will be none
 */
record Plan(
    String target,
    String start,
    Optional<String> before,
    int nodes,
    int kills,
    int drainEvery,
    int allEvery,
    Optional<Power.Names> power,
    int publishers,
    int window,
    double rate,
    int pause,
    int calm,
    long seed,
    int patience) {}
