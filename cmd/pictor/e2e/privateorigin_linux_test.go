package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates of tests.
type authority struct {
	dir, name string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

// newAuthority makes one, whose certificate is in NAME.pem.
func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{dir: dir, name: name}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert.Subject.CommonName = name
	a.key = a.issue(t, name, a.cert)
	return a
}

// issue signs a certificate, and writes it to NAME.pem and its key to NAME-key.pem.
func (a *authority) issue(t *testing.T, name string, cert *x509.Certificate) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name: {Type: "CERTIFICATE", Bytes: der},
		name + "-key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(a.dir, file+".pem"), pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

// privateNginx is an nginx that gives an image only to who has a password, a header and a certificate, by TLS with a
// certificate of its own authority. It gives its address and the file that it logs protocols and statuses in.
func privateNginx(t *testing.T, dir string) (address, log string) {
	t.Helper()
	ours := newAuthority(t, dir, "ca")
	address = freeAddress(t)
	host, _, _ := net.SplitHostPort(address)
	issued := func(serial int64) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.ParseIP(host)}}
	}
	ours.issue(t, "server", issued(2))
	ours.issue(t, "client", issued(3))
	newAuthority(t, dir, "other").issue(t, "stranger", issued(4))
	owner := "nobody"
	if _, err := user.Lookup("www-data"); err == nil {
		owner = "www-data"
	}
	conf := fmt.Sprintf(`user %[3]s; pid %[1]s/pid; error_log stderr; worker_processes 1;
events { worker_connections 64; }
http {
	log_format short "$server_protocol $status $uri"; access_log %[1]s/access.log short;
	client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4;
	scgi_temp_path %[1]s/t5;
	server {
		listen %[2]s ssl http2;
		ssl_certificate %[1]s/server.pem; ssl_certificate_key %[1]s/server-key.pem;
		ssl_client_certificate %[1]s/ca.pem; ssl_verify_client on;
		auth_basic "private"; auth_basic_user_file %[1]s/users;
		location / {
			if ($http_x_key != "hush-header") { return 403; }
			rewrite ^ /photo.jpg break;
			root %[1]s/files;
		}
	}
}
`, dir, address, owner)
	for name, b := range map[string]string{"nginx.conf": conf, "users": "me:{PLAIN}hush-password\n",
		"files/photo.jpg": string(photo(120, 80))} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runAt(t, address, exec.Command("nginx", "-p", dir, "-c", dir+"/nginx.conf", "-e", "stderr", "-g", "daemon off;"))
	return address, dir + "/access.log"
}

// privateEntries are entries of --origins, each for a folder of the origin, with what is wrong in each.
func privateEntries(dir, address string) string {
	const basic, header = "basic-file: %[1]s/password", "headers: {X-Key: hush-header}"
	const ca, certificate = "ca: %[1]s/ca.pem", "certificate: %[1]s/client.pem, certificate-key: %[1]s/client-key.pem"
	var file strings.Builder
	file.WriteString("allow-networks: 127.0.0.0/8\norigins:\n")
	for name, fields := range map[string][]string{
		"right":          {basic, header, ca, certificate},
		"no-password":    {header, ca, certificate},
		"wrong-password": {"basic: 'me:hush-wrong'", header, ca, certificate},
		"wrong-token":    {"bearer: hush-token", header, ca, certificate},
		"no-header":      {basic, ca, certificate},
		"wrong-header":   {basic, "headers: {X-Key: hush-other}", ca, certificate},
		"system-ca":      {basic, header, certificate},
		"other-ca":       {basic, header, "ca: %[1]s/other.pem", certificate},
		"no-certificate": {basic, header, ca},
		"stranger":       {basic, header, ca, "certificate: %[1]s/stranger.pem, certificate-key: %[1]s/stranger-key.pem"},
		"wrong-proxy":    {basic, header, ca, certificate, "proxy: 'http://hush-user:hush-proxy@127.0.0.1:1'"},
	} {
		text := strings.ReplaceAll(strings.Join(fields, ", "), "%[1]s", dir)
		fmt.Fprintf(&file, "  %s: {sources: ['https://%s/%s/'], %s}\n", name, address, name, text)
	}
	return file.String()
}

// A private nginx with a password, a header, an authority and a client certificate gives its images to the entry
// that has all four. Whatever is missing or wrong is one public answer, and no secret is in any log, error, metric
// or list of settings.
func TestPrivateNginx(t *testing.T) {
	needs(t, "nginx")
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // workers of nginx are not root
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/password", []byte("me:hush-password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, log := privateNginx(t, dir)
	config := dir + "/pictor.yaml"
	if err := os.WriteFile(config, []byte(privateEntries(dir, address)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, append(keys, "--config", config)...)
	ask := func(name string) answer {
		return s.get(signed(t, "/w:60/plain/https://"+address+"/"+name+"/a.jpg"))
	}
	if a := ask("right"); a.status != 200 || a.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("right: %v", a)
	}
	seen := ""
	for _, name := range []string{"no-password", "wrong-password", "wrong-token", "no-header", "wrong-header",
		"system-ca", "other-ca", "no-certificate", "stranger", "wrong-proxy", "without-an-entry"} {
		a := ask(name)
		text, _, _ := strings.Cut(string(a.body), " (request ")
		if a.status != 502 ||
			text != "source-unreachable: The source could not be fetched: the log of the server says why." {
			t.Errorf("%s: %v", name, a)
		}
		seen += a.String()
	}
	stdout, stderr, code := pictor(t, nil, append([]string{"config", "--config", config}, keys...)...)
	if code != 0 || !strings.Contains(stdout, "wrong-proxy") {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	resp, err := client.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if all := s.logged() + seen + stdout + stderr + string(metrics); strings.Contains(all, "hush") ||
		strings.Contains(all, "bWU6aHVz") { // me:hus in base64
		t.Errorf("a secret is told:\n%s", all)
	}
	for _, cause := range []string{"401 Unauthorized", "403 Forbidden", "unknown authority", "400 Bad Request"} {
		if !strings.Contains(s.logged(), cause) {
			t.Errorf("the log does not say %q:\n%s", cause, s.logged())
		}
	}
	protocols, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(protocols), "HTTP/2.0 200") {
		t.Errorf("%v\n%s", err, protocols)
	}
}
