package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
)

// Bytes is a number of bytes, never negative when parsed.
type Bytes int64

// byteUnits are the suffixes Bytes reads. One letter alone is decimal, as in
// Kubernetes; a small m, g or t is refused, see parseBytes.
var byteUnits = []unit{
	{"", 1}, {"B", 1},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40},
}

// parseBytes reads a size. A small m, g or t is refused: to Docker 512m is
// binary, to Kubernetes m is a thousandth. The small k is everywhere 1000.
func parseBytes(text, hint string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	if number := strings.TrimRight(trimmed, "mgt"); len(trimmed)-len(number) == 1 {
		number = strings.TrimSpace(number)
		short := number + strings.ToUpper(trimmed[len(trimmed)-1:])
		if isDecimal(number) {
			return 0, fmt.Errorf("%w: %q could mean two things; write %siB (binary) or %s (decimal)", errQuantity,
				text, short, short)
		}
	}
	return parseQuantity(trimmed, byteUnits, hint)
}

// isBareNumber: a size is given without a unit. Zero needs none.
func isBareNumber(text string) bool {
	text = strings.TrimSpace(text)
	return isDecimal(text) && strings.Trim(text, "0.") != ""
}

// binaryUnits are the units that String writes, large to small.
var binaryUnits = []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads 256MiB, 256Mi, 1.5GiB, 64MB, 64M, 512 kib, 1000000. It
// implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := parseBytes(string(text), "write it like 256MiB or 256Mi (binary), 256MB or 256M (decimal)")
	if err != nil {
		return err
	}
	*b = Bytes(n)
	return nil
}

// String is the shortest exact text in binary units: 1.5GiB, 512KiB, 1000000.
func (b Bytes) String() string { return formatQuantity(int64(b), binaryUnits, 1000) }

// MarshalText implements encoding.TextMarshaler; UnmarshalText reads it back.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// Pixels is a number of pixels, never negative when parsed.
type Pixels int64

var (
	pixelUnits = []unit{{"", 1}, {"px", 1}, {"MP", 1e6}}
	megapixels = []unit{{"MP", 1e6}}
)

// UnmarshalText reads 100MP (millions), 50.5 mp, 1000000.
func (p *Pixels) UnmarshalText(text []byte) error {
	n, err := parseQuantity(string(text), pixelUnits, "write it like 100MP or 1000000")
	if err != nil {
		return err
	}
	*p = Pixels(n)
	return nil
}

// String is the shortest exact text: 100MP, 50.5MP, 999.
func (p Pixels) String() string { return formatQuantity(int64(p), megapixels, 1e6) }

// MarshalText implements encoding.TextMarshaler.
func (p Pixels) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// CacheSize is the size of a cache tier: bytes, CacheShare or CacheOff.
type CacheSize int64

const (
	// CacheShare leaves the size to the memory plan: a share of the limit.
	CacheShare CacheSize = 0
	// CacheOff is a tier that is not there.
	CacheOff CacheSize = -1
)

// UnmarshalText reads the same texts as Bytes; off and 0 are CacheOff.
func (c *CacheSize) UnmarshalText(text []byte) error {
	if strings.EqualFold(strings.TrimSpace(string(text)), "off") {
		*c = CacheOff
		return nil
	}
	n, err := parseBytes(string(text), "write it like 64MiB or 64Mi (binary), 64MB or 64M (decimal), or off")
	if err != nil {
		return err
	}
	if n == 0 {
		*c = CacheOff
		return nil
	}
	*c = CacheSize(n)
	return nil
}

// String is off, the size as Bytes writes it, or nothing for CacheShare.
func (c CacheSize) String() string {
	switch {
	case c < 0:
		return "off"
	case c == CacheShare:
		return ""
	}
	return Bytes(c).String()
}

// MarshalText implements encoding.TextMarshaler.
func (c CacheSize) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Prefixes is a list of networks. Each is masked to its length, and one that
// is IPv4 inside IPv6 (RFC 4291 §2.5.5.2) is kept as IPv4, because that is
// how an address dialled is compared.
type Prefixes []netip.Prefix

// UnmarshalText adds a comma-separated list of CIDRs to the networks already
// there, so that a repeated flag adds up; a bare address stands for itself
// alone (/32 or /128).
func (p *Prefixes) UnmarshalText(text []byte) error {
	for entry := range strings.SplitSeq(string(text), ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		network, err := parseNetwork(entry)
		if err != nil {
			return err
		}
		*p = append(*p, network)
	}
	return nil
}

// errNetwork: a text is neither a CIDR nor an address.
var errNetwork = errors.New("not a network")

func parseNetwork(entry string) (netip.Prefix, error) {
	const hint = "write it like 10.0.0.0/8, fd00::/8 or 192.168.1.7"
	network, err := netip.ParsePrefix(entry)
	if err != nil {
		addr, err := netip.ParseAddr(entry)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%w: %q; %s", errNetwork, entry, hint)
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := network.Addr(); addr.Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%w: %q is wider than all of IPv4; %s", errNetwork, entry, hint)
		}
		network = netip.PrefixFrom(addr.Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}

// String is the list as UnmarshalText reads it.
func (p Prefixes) String() string {
	entries := make([]string, len(p))
	for i, network := range p {
		entries[i] = network.String()
	}
	return strings.Join(entries, ",")
}

// MarshalText implements encoding.TextMarshaler.
func (p Prefixes) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Secret is a text that is never printed: every way of formatting it, logging
// it or marshalling it gives its String. string(s) is the text itself.
type Secret string

// UnmarshalText takes the text as it is, without blanks around it.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(strings.TrimSpace(string(text)))
	return nil
}

// String is "(secret)", or nothing where the secret is not set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// Format implements fmt.Formatter, for all verbs.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler. It is not the inverse of
// UnmarshalText.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
