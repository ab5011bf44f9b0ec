package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// nginxSite has docs/cdn/nginx.conf as a site beside Debian's default one, under
// Debian's own nginx.conf (testdata/debian), in a directory of its own and at
// another address. Both sites are at that address, and the default one gets what names
// no other, so the recipe's server_name is replaced, too.
type nginxSite struct {
	dir, conf string
}

func newNginxSite(t *testing.T, address, pictor, serverName string) nginxSite {
	t.Helper()
	s := nginxSite{dir: t.TempDir()}
	if err := os.Chmod(filepath.Dir(s.dir), 0o711); err != nil { // workers are not root
		t.Fatal(err)
	}
	s.conf = filepath.Join(s.dir, "nginx.conf")
	for _, d := range []string{"conf.d", "log", "lib", "modules-enabled", "sites-available", "sites-enabled"} {
		if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	listen := []string{"listen 80", "listen " + address, "listen [::]:80", ipv6Directive(address)}
	main := []string{"/etc/nginx/", s.dir + "/", "/run/nginx.pid", s.dir + "/pid", "/var/log/nginx/", s.dir + "/log/"}
	if _, err := user.Lookup("www-data"); err != nil { // not on Debian
		main = append(main, "user www-data;", "user root;")
	}
	s.copy(t, "testdata/debian/nginx.conf", "nginx.conf", main...)
	s.copy(t, "testdata/debian/sites-available/default", "sites-available/default", listen...)
	s.copy(t, "../../../docs/cdn/nginx.conf", "sites-available/pictor", append(listen, "127.0.0.1:8080", pictor,
		"server_name img.example.com;", "server_name "+serverName+";", "/var/lib/nginx/", s.dir+"/lib/")...)
	own := ""
	// below /var/lib/nginx by default
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		own += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, s.dir, kind)
	}
	for name, text := range map[string]string{"conf.d/test.conf": own, "mime.types": "types { text/html html; }\n"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"default", "pictor"} {
		if err := os.Symlink("../sites-available/"+name, filepath.Join(s.dir, "sites-enabled", name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// ipv6Directive is the one to listen at the same port with, where IPv6 has it.
func ipv6Directive(address string) string {
	_, port, _ := net.SplitHostPort(address)
	l, err := net.Listen("tcp6", "[::1]:"+port)
	if err != nil {
		return "# no IPv6 here: listen [::]:80"
	}
	l.Close()
	return "listen [::1]:" + port
}

// copy writes a file with all of its texts replaced, each of which must be there.
func (s nginxSite) copy(t *testing.T, from, into string, replace ...string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(b), replace[i]) {
			t.Fatalf("%s has no %q", from, replace[i])
		}
	}
	text := strings.NewReplacer(replace...).Replace(string(b))
	if err := os.WriteFile(filepath.Join(s.dir, into), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// nginx -t takes the recipe as a site of Debian's nginx, as the page says.
func TestNginxSiteOnDebian(t *testing.T) {
	needs(t, "nginx")
	s := newNginxSite(t, freeAddress(t), "127.0.0.1:8080", "img.example.com")
	out, err := exec.Command("nginx", "-t", "-p", s.dir, "-c", s.conf, "-e", "stderr").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "test is successful") {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		// Without root, and on a machine that has no other user for it.
		if strings.Contains(line, "[warn]") && !strings.Contains(line, `the "user" directive makes sense only`) {
			t.Error(line)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "lib/pictor")); err != nil {
		t.Errorf("nginx did not make the cache directory: %v", err)
	}
	// nginx makes the last part of that path alone: the rest is Debian's.
	if _, err := os.Stat("/etc/debian_version"); err == nil {
		if i, err := os.Stat("/var/lib/nginx"); err != nil || !i.IsDir() {
			t.Errorf("Debian's nginx has no /var/lib/nginx: %v", err)
		}
	}
}
