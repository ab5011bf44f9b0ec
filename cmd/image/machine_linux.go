package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

const (
	settings = "/etc/pictor/pictor.yaml"
	// edited is what an administrator does to the settings, and upgrades keep.
	edited = "sed -i 's/^#cdn: nginx/cdn: nginx/' " + settings
)

// install installs the package with what it depends on and nothing else. Keys are for the server alone.
func (m *machine) install() error {
	if err := m.shell("apt-get install -y --no-install-recommends " + m.file); err != nil {
		return err
	}
	depends, err := m.output("dpkg-query -W -f '${Package} ${Version} depends on ${Depends}' pictor")
	if err != nil {
		return err
	}
	fmt.Println(depends)
	owner, err := m.output("echo $(id -u pictor):$(id -g pictor)")
	if err != nil {
		return err
	}
	m.user = owner
	got, err := m.output("cd / && stat -c '%n %U:%G %a' etc/pictor/* var/lib/pictor var/cache/pictor")
	const want = `etc/pictor/key root:pictor 640
etc/pictor/pictor.yaml root:root 644
etc/pictor/salt root:pictor 640
var/lib/pictor pictor:pictor 750
var/cache/pictor pictor:pictor 750`
	if err == nil && got != want {
		err = fmt.Errorf("owners and modes are\n%s\nand not\n%s", got, want)
	}
	return errors.Join(err, m.shell(edited+" && grep -q '^cdn: nginx' "+settings))
}

// checkUnit has systemd read the unit.
func (m *machine) checkUnit() error {
	text, err := os.ReadFile(m.root + "/usr/lib/systemd/system/pictor.service")
	if errors.Is(err, fs.ErrNotExist) { // Debian 12
		text, err = os.ReadFile(m.root + "/lib/systemd/system/pictor.service")
	}
	if err != nil {
		return err
	}
	m.unit = string(text)
	out, err := m.output("systemd-analyze verify --man=no pictor.service 2>&1; " +
		"systemd-analyze security --offline=yes --no-pager pictor.service | tail -n 1")
	if err == nil && strings.Contains(out, "pictor.service:") && !strings.HasPrefix(out, "→") {
		err = errors.New(out)
	}
	fmt.Println(out)
	return err
}

var specifiers = strings.NewReplacer("%C", "/var/cache", "%S", "/var/lib")

// setting is the value that the unit has for a name.
func (m *machine) setting(name string) string {
	found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(m.unit)
	if found == nil {
		return ""
	}
	return specifiers.Replace(found[1])
}

// serveByUnit starts the server by the command of the unit and as its user, and asks for an image that is signed with
// the keys of the installation.
func (m *machine) serveByUnit(pictures string) error {
	if user := m.setting("User"); user != "pictor" {
		return fmt.Errorf("the unit's user is %q", user)
	}
	photo := picturetest.JPEG(picturetest.Photo(600, 400, 1), 90)
	if err := os.WriteFile(filepath.Join(pictures, "photo.jpg"), photo, 0o644); err != nil {
		return err
	}
	doctor, err := m.run("/usr/bin/pictor", "doctor", "--config", settings)
	if err != nil {
		return err
	}
	fmt.Println(doctor)
	s := &containedServer{tree: m.tree, cmd: m.contained(strings.Fields(m.setting("ExecStart"))...)}
	return s.try(func() error { return m.askForImage(s) })
}

func (m *machine) askForImage(s *containedServer) error {
	if _, err := m.run("/usr/bin/pictor", "health", "--wait", tooLong.String()); err != nil {
		return err
	}
	if err := s.findFirst(); err != nil {
		return err
	}
	path, err := m.run("/usr/bin/pictor", "sign", "--config", settings, "local:///photo.jpg", "w:300")
	if err != nil {
		return err
	}
	result, err := s.get(path)
	if err != nil {
		return err
	}
	image, err := jpeg.DecodeConfig(bytes.NewReader(result))
	if err == nil && (image.Width != 300 || image.Height != 200) {
		err = fmt.Errorf("the image is %d by %d", image.Width, image.Height)
	}
	if _, unsigned := s.get("/insecure/w:300/plain/local:///photo.jpg"); unsigned == nil {
		err = errors.Join(err, errors.New("an image without a signature is served"))
	}
	fmt.Printf("serve: %s, %d bytes\n", path, len(result))
	return err
}

// upgrade installs a later version, with other settings of its own: the administrator's stay, and so do the keys.
func (m *machine) upgrade() error {
	before, err := m.output("cat /etc/pictor/*")
	if err != nil {
		return err
	}
	const later = `dpkg-deb -R %s /later && sed -i -E 's/^(Version: .*)/\1.later/' /later/DEBIAN/control &&
echo '# later' >>/later` + settings + ` && dpkg-deb -Znone -b /later /later.deb && rm -r /later &&
apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold /later.deb && rm /later.deb &&
dpkg-query -W -f '${Version}' pictor | grep -q 'later$' && rm ` + settings + `.dpkg-dist`
	if err := m.shell(fmt.Sprintf(later, m.file)); err != nil {
		return err
	}
	after, err := m.output("cat /etc/pictor/*")
	if err == nil && after != before {
		err = errors.New("settings or keys are others")
	}
	return err
}

// remove removes the package: the settings are left. After a purge nothing is.
func (m *machine) remove() error {
	if err := m.shell("apt-get remove -y pictor && [ -e " + settings +
		" ] && [ -e /etc/pictor/key ] && [ ! -e /usr/bin/pictor ]"); err != nil {
		return err
	}
	if err := m.shell("apt-get purge -y pictor && rm " + m.file); err != nil {
		return err
	}
	left, err := m.leftOvers()
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("these are left: %s", strings.Join(left, " "))
	}
	if err == nil {
		fmt.Println("purge leaves nothing")
	}
	return err
}

// leftOvers are files with the package's name, and accounts. The logs of apt and dpkg are no part of it.
func (m *machine) leftOvers() (left []string, err error) {
	err = filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, m.root)
		switch {
		case slices.Contains([]string{"/proc", "/sys", "/dev", "/pictures", "/var/cache/apt"}, name):
			return fs.SkipDir
		case err == nil && strings.Contains(d.Name(), "pictor"):
			left = append(left, name)
		}
		return err
	})
	for _, name := range []string{"/etc/passwd", "/etc/group", "/etc/shadow", "/var/lib/dpkg/status"} {
		text, readErr := os.ReadFile(m.root + name)
		if bytes.Contains(text, []byte("pictor")) {
			left = append(left, "pictor in "+name)
		}
		err = errors.Join(err, readErr)
	}
	return left, err
}
