package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// namespaceVar tells a test that it has a network of its own.
const namespaceVar = "PICTOR_E2E_NAMESPACE"

// everyAddress makes each address, of the internet too, one of this machine: a
// connection to any of them succeeds and is seen. Names are asked of the test alone.
const everyAddress = `set -e
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
echo nameserver 127.0.0.1 >"$0/resolv.conf"
mount --bind "$0/resolv.conf" /etc/resolv.conf
echo hosts: files dns >"$0/nsswitch.conf"
[ ! -e /etc/nsswitch.conf ] || mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf
`

// inNamespace runs the calling test again in a network namespace in which
// everyAddress holds, and reports whether the caller is that run. It skips where
// no namespace can be made, but fails where tests must be whole.
func inNamespace(t *testing.T) bool {
	t.Helper()
	return inNamespaceOf(t, everyAddress)
}

// inNamespaceOf is inNamespace with another script that makes the network.
func inNamespaceOf(t *testing.T, network string) bool {
	t.Helper()
	long(t, "a network of its own")
	if os.Getenv(namespaceVar) != "" {
		return true
	}
	needs(t, "ip")
	namespaces := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS}
		return cmd
	}
	script := network + `exec "$@"`
	if out, err := namespaces(exec.Command("sh", "-c", script, t.TempDir(), "true")).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no network namespace can be made: %v: %s", err, out)
		}
		t.Skipf("no network namespace can be made, which needs root: %v: %s", err, out)
	}
	cmd := namespaces(exec.Command("sh", "-c", script, t.TempDir(), os.Args[0], "-test.run", "^"+t.Name()+"$",
		"-test.v", "-test.count=1"))
	cmd.Env = append(os.Environ(), namespaceVar+"=1", programVar+"="+program)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Errorf("in its namespace: %v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	return false
}
