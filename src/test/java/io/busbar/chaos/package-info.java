/**
 * The kill test: real clients publish at full speed to durable sessions while broker processes get
 * SIGKILL, or lose power, at random instants; an oracle then judges the clients' own records.
 *
 * <p>It knows nothing of a broker's insides and runs against any that speaks MQTT 5: {@code
 * loadtest/kill} is the command, {@code KillIT} its short form. It has its own view of the wire, so
 * that it judges the broker's codec instead of sharing its mistakes. In reading order: {@code Kill}
 * (the command), {@code Run} (what happens), {@code Target} and {@code Power} (the processes and
 * what becomes of them), {@code Client}, {@code Publisher}, {@code Subscriber} (all on one thread,
 * {@code Loop}, so that their records need no locks), {@code Sent}, {@code Heard} (the records),
 * {@code Oracle}.
 */
package io.busbar.chaos;
