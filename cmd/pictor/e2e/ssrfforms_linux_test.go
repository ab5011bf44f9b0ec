package e2e

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// public is the address of a web server that sources may be at, by IPv4 and IPv6.
const public, public6 = "93.184.215.14", "2606:2800:21f:cb07::14"

// form is a source that must not be fetched from where it seems to lead, and the
// error that says so; "" where the part that leads there is none, and the source
// is at the public address.
type form struct{ source, code string }

// notPublic are addresses of every kind of network that no source may be in.
var notPublic = strings.Fields(`127.0.0.1 127.1.2.3 10.0.0.1 10.255.255.254 172.16.0.1 172.31.255.254 192.168.1.1 169.254.169.254
	100.64.0.1 100.100.100.200 0.0.0.0 0.1.2.3 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
	239.255.255.250 240.0.0.1 255.255.255.255
	::1 :: fe80::1 fc00::1 fd00:ec2::254 fec0::1 ff02::1 2001:db8::1 100::1 5f00::1 2001:2::1 2001:20::1 3fff::1 4000::1`)

// The ones that are written in every way that a parser may read.
var spelled = strings.Fields("127.0.0.1 10.0.0.1 169.254.169.254 192.168.1.1 100.100.100.200")

// privateForms are sources that lead, or look as if they led, into networks that are not
// public. Each has a path of its own, so that no answer is about another one.
func privateForms() (all []form) {
	add := func(code string, sources ...string) {
		for _, s := range sources {
			all = append(all, form{s, code})
		}
	}
	for _, a := range notPublic {
		ip := netip.MustParseAddr(a)
		add("source-unreachable", "http://"+netip.AddrPortFrom(ip, 80).String()+"/", "https://"+netip.AddrPortFrom(ip,
			443).String()+"/",
			"http://"+netip.AddrPortFrom(ip, 8080).String()+"/", "HTTP://"+netip.AddrPortFrom(ip, 65535).String())
	}
	for _, a := range spelled {
		ip := netip.MustParseAddr(a)
		for _, host := range asNumbers(ip) {
			if host != a { // as padding does nothing to three digits
				add("bad-source", "http://"+host+"/a.jpg")
			}
		}
		for _, host := range asOtherDigits(a) {
			add("source-unreachable", "http://"+host+"/a.jpg")
		}
		for _, host := range embedded(ip) {
			add("source-unreachable", "http://["+host+"]/a.jpg", "http://["+strings.ToUpper(host)+"]:8080/a.jpg")
			add("bad-source", "http://["+host+"%25lo]/a.jpg", "http://["+host+"%25]/a.jpg")
		}
		all = append(all, dressed(a)...)
		all = append(all, schemes(a)...)
	}
	for _, name := range privateNames() {
		add("source-unreachable", "http://"+name+"/a.jpg", "http://"+strings.ToUpper(name)+":8080/a.jpg",
			"http://"+name+"./a.jpg")
	}
	return all
}

// asNumbers are the ways in which inet_aton and its heirs read an address, and
// some that only look so.
func asNumbers(ip netip.Addr) []string {
	b := ip.As4()
	n := binary.BigEndian.Uint32(b[:])
	a, bb, c, d := b[0], b[1], b[2], b[3]
	encoded := ""
	for _, digit := range []byte(ip.String()) {
		encoded += fmt.Sprintf("%%%02x", digit)
	}
	return []string{
		fmt.Sprint(n), fmt.Sprintf("%#x", n), fmt.Sprintf("0X%X", n), fmt.Sprintf("%#o", n), fmt.Sprintf("0x0000000000%x", n),
		fmt.Sprint(uint64(n) + 1<<32), fmt.Sprint(n) + ".",
		fmt.Sprintf("%#o.%#o.%#o.%#o", a, bb, c, d), fmt.Sprintf("%#x.%#x.%#x.%#x", a, bb, c, d),
		fmt.Sprintf("%#x.%d.%#o.%d", a, bb, c, d), fmt.Sprintf("%d.%d.%d", a, bb, n&0xffff), fmt.Sprintf("%d.%d", a,
			n&0xffffff),
		fmt.Sprintf("%#x.%d", a, n&0xffffff), fmt.Sprintf("%03d.%03d.%03d.%03d", a, bb, c, d),
		fmt.Sprintf("0000000%o.%d.%d.%d", a, bb, c, d),
		fmt.Sprintf("%d.%d.%d.%d", int(a)+256, bb, c, d), fmt.Sprintf("%d.%d.%d.%d.", a, bb, c, d),
		fmt.Sprintf("%d.%d.%d.%d.0", a, bb, c, d),
		fmt.Sprintf("0.%d.%d.%d.%d", a, bb, c, d), fmt.Sprintf("%d..%d.%d.%d", a, bb, c, d), fmt.Sprintf("foo.%d", n),
		fmt.Sprintf("foo.%#x", n),
		encoded, strings.ReplaceAll(ip.String(), ".", "%2e"),
	}
}

// asOtherDigits are spellings that name preparation (UTS #46) or decoding turns
// into the address itself.
func asOtherDigits(a string) []string {
	digits := func(zero rune) string {
		return strings.Map(func(r rune) rune {
			if r == '.' {
				return r
			}
			if zero == '①' && r == '0' {
				return '⓪'
			}
			if zero == '①' {
				return zero + r - '1'
			}
			return zero + r - '0'
		}, a)
	}
	return []string{digits('０'), digits('①'), digits('𝟎'), digits('𝟘'), digits('𝟶'), strings.ReplaceAll(a, ".", "。"),
		strings.ReplaceAll(a, ".", "．"), strings.ReplaceAll(a, ".", "｡"),
		strings.ReplaceAll(a, ".", "%E3%80%82"), a + ":", "[::ffff:" + a + "]", "[0:0:0:0:0:FFFF:" + a + "]"}
}

// embedded are IPv6 addresses that stand for the IPv4 address.
func embedded(ip netip.Addr) []string {
	b := ip.As4()
	high, low := int(b[0])<<8|int(b[1]), int(b[2])<<8|int(b[3])
	return []string{
		fmt.Sprintf("::ffff:%x:%x", high, low), fmt.Sprintf("0:0:0:0:0:ffff:%04x:%04x", high, low), "::" + ip.String(),
		fmt.Sprintf("::%x:%x", high, low),
		"::ffff:0:" + ip.String(), fmt.Sprintf("2002:%x:%x::1", high, low), fmt.Sprintf("64:ff9b::%x:%x", high, low),
		"64:ff9b::" + ip.String(),
		fmt.Sprintf("64:ff9b:1:%x:%x:%x::", high, low>>8, low<<8&0xffff), "64:ff9b:1::" + ip.String(),
		fmt.Sprintf("2001:0:4136:e378:8000:63bf:%x:%x", high^0xffff, low^0xffff),
		fmt.Sprintf("2606:2800:21f:cb07:0:5efe:%x:%x", high, low), "2606:2800:21f:cb07:200:5efe:" + ip.String(),
	}
}

// dressed are URLs with something before or behind the address that is meant to
// be taken for the host, or not to be.
func dressed(a string) []form {
	const bad, refused, elsewhere = "bad-source", "source-unreachable", ""
	return []form{
		{"http://user@" + a + "/", bad}, {"http://user:pass@" + a + "/", bad}, {"http://" + public + "@" + a + "/", bad},
		{"http://" + public + ":80@" + a + "/", bad}, {"http://" + public + "%2f@" + a + "/", bad},
		{"http://" + public + "\\@" + a + "/", bad},
		{"http://@" + a + "/", bad}, {"http://:@" + a + "/", bad}, {"http://" + a + "@" + public + "/", bad},
		{"http://a@b@" + a + "/", bad},
		{"http://" + public + "#@" + a + "/", elsewhere}, {"http://" + public + "?@" + a + "/", elsewhere},
		{"http://" + public + "/@" + a + "/", elsewhere},
		{"http://" + public + "/?url=http://" + a + "/", elsewhere}, {"http://" + public + "//" + a + "/", elsewhere},
		{"http://" + public + "/\\" + a, elsewhere}, {"http://" + public + "/..//" + a, elsewhere},
		{"http://" + a + "#@" + public + "/", refused}, {"http://" + a + "?@" + public + "/", refused},
		{"http://" + a + "/@" + public + "/", refused},
		{"http://" + a + "\\@" + public + "/", bad}, {"http://" + a + "\\." + public + "/", bad},
		{"http://" + a + " " + public + "/", bad},
		{"http://" + a + "%20/", bad}, {"http://" + a + "%00/", bad}, {"http://" + a + "%0d%0aHost:%20x/", bad},
		{"http://" + a + "%09/", bad},
		{"http://" + a + "\u200b/", refused}, {"http://" + a + "\u00ad/", refused}, {"http://[" + a + "]/", bad},
		{"http://" + a + "]/", refused},
		{"http://" + a + ":0/", bad}, {"http://" + a + ":65536/", bad}, {"http://" + a + ":65616/", bad},
		{"http://" + a + ":-1/", bad},
		{"http://" + a + ":0x50/", bad}, {"http://" + a + ":080/", refused}, {"http://" + a + ":22/", refused},
		{"http://" + a + ":6379/", refused},
		{"http://" + a + ":80:80/", bad}, {"http://" + a + ":８０/", bad}, {"http://" + a + ":+80/", bad},
		{"http://" + a + ":53/", refused},
	}
}

// schemes are sources that are no http:// URL, or no usual one.
func schemes(a string) []form {
	const bad, never, refused = "bad-source", "source-not-allowed", "source-unreachable"
	out := []form{
		{"http:" + a, bad}, {"http:/" + a + "/", bad}, {"http:///" + a + "/", bad}, {"http:////" + a + "/", bad},
		{"http:\\\\" + a + "\\", bad},
		{"//" + a + "/", bad}, {"/\\" + a, bad}, {a, bad}, {a + "/a.jpg", bad}, {a + ":80/a.jpg", bad}, {"localhost:80/",
			never}, {"hTTp://" + a + "/", refused},
		{"http://" + a, refused}, {"http://" + a + "/../../x", refused}, {" http://" + a + "/", bad},
		{"http ://" + a + "/", bad},
		{"view-source:http://" + a + "/", never}, {"s3://" + a + "/x", never}, {"unix:/var/run/docker.sock", never},
		{"data:image/png;base64,AAAA", never},
		{"http+unix://%2Fvar%2Frun%2Fdocker.sock/", never}, {"local://" + a + "/x", never}, {"local:///etc/passwd", never},
	}
	for _, s := range strings.Fields("ftp gopher file dict ldap tftp ssh sftp smb ws wss jar netdoc mailto telnet " +
		"redis php expect https+http") {
		out = append(out, form{s + "://" + a + "/", never})
	}
	return out
}

// privateNames resolve to what is not public: see names.
func privateNames() []string {
	out := []string{"localhost", "metadata.google.internal"}
	for name := range names() {
		if kind, _, _ := strings.Cut(name, "."); strings.HasPrefix(kind, "private") {
			out = append(out, strings.TrimSuffix(name, "."))
		}
	}
	for _, a := range spelled {
		out = append(out, strings.ReplaceAll(a, ".", "-")+strings.TrimSuffix(inside, "."))
	}
	return out
}

// names are those of the test's DNS.
func names() zone {
	return zone{
		"localhost.": "127.0.0.1 ::1", "metadata.google.internal.": "169.254.169.254",
		"private4.test.": "10.0.0.1", "private6.test.": "fd00::1", "private46.test.": "192.168.1.1 fe80::1",
		"private-zero.test.":  "0.0.0.0",
		"private-zero6.test.": "::", "private-loopback6.test.": "::1", "private-mapped.test.": "::ffff:127.0.0.1",
		"private-nat64.test.": "64:ff9b::a00:1",
		"private-6to4.test.":  "2002:7f00:1::1",
		"private-many.test.":  "10.0.0.1 10.0.0.2 10.0.0.3 127.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 fc00::1 ::1",
		"private-alias.test.": "alias:private4.test.", "private-broadcast.test.": "255.255.255.255",
		"private-isatap.test.": "2606:2800:21f:cb07:0:5efe:a00:1",
		"public.test.":         public + " " + public6, "public4.test.": public, "public-alias.test.": "alias:public.test.",
		"mixed-first.test.": "10.0.0.1 " + public, "mixed-last.test.": public + " 127.0.0.1",
		"mixed6.test.": "::1 " + public, "mixed46.test.": "10.0.0.1 " + public6,
		"turning.test.": public + " then:127.0.0.1", "turning6.test.": public6 + " then:::1",
	}
}
