package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newBalancedByNginx starts three servers behind nginx with docs/deploy/nginx-balancer.conf.
func newBalancedByNginx(t *testing.T, args ...string) *balanced {
	t.Helper()
	needs(t, "nginx")
	recipe, err := os.ReadFile("../../../docs/deploy/nginx-balancer.conf")
	if err != nil {
		t.Fatal(err)
	}
	b := &balanced{t: t, args: args}
	front, dir := freeAddress(t), t.TempDir()
	change := append(b.startServers(3), "listen 80;", "listen "+front+";", "listen [::]:80;", "")
	main := "worker_processes 2;\npid " + dir + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
	if os.Geteuid() == 0 { // its processes would be nobody's, who may not write here
		main = "user root;\n" + main
	}
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	conf := filepath.Join(dir, "nginx.conf")
	main += strings.NewReplacer(change...).Replace(string(recipe)) + "}\n"
	if err := os.WriteFile(conf, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	runAt(t, front, exec.Command("nginx", "-p", dir, "-c", conf, "-e", "stderr", "-g", "daemon off;"))
	b.url = "http://" + front
	waitFor(t, "nginx", func() bool { return b.get("/health/ready").status == http.StatusOK })
	return b
}
