/** Certificates for trials, the demonstration, the load tool. */
package io.busbar.tool;
