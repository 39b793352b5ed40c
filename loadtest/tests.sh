# SPDX-License-Identifier: Apache-2.0
# Sourced by loadtest/chaos, kill and sim: compiles the tests if they are not, and sets java, jvm
# (what a node needs) and class_path. In the project's root.
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
libraries=target/tests-classpath.txt
newest=$(find pom.xml src -newer "$libraries" -print -quit 2>/dev/null || echo none)
if [[ -n $newest ]]; then
  printf 'loadtest: compiling\n' >&2
  mvn -q ${BUSBAR_OFFLINE:+-o} test-compile dependency:build-classpath -Dmdep.outputFile="$libraries" >&2
fi
class_path=target/test-classes:target/classes:$(<"$libraries")

# pom.xml, busbar.jvm; a command hands it on to the nodes that it starts
read -ra jvm < <(sed -n 's|.*<busbar.jvm>\(.*\)</busbar.jvm>.*|\1|p' pom.xml)
if "$java" --sun-misc-unsafe-memory-access=allow --version >/dev/null 2>&1; then
  jvm+=(--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow)
fi
