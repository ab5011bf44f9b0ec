package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// asks are variables of imgproxy with a value and the line that it becomes; ""
// for none.
func asks(t testing.TB) map[string][2]string {
	t.Helper()
	dir := t.TempDir()
	presets, watermark := filepath.Join(dir, "presets"), filepath.Join(dir, "wm.png")
	if err := os.WriteFile(presets, []byte("card=rs:fill:300:200\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(watermark, picturetest.JPEG(picturetest.Photo(60, 40, 1), 80), 0o600); err != nil {
		t.Fatal(err)
	}
	base64PNG := base64.StdEncoding.EncodeToString(picturetest.PNG(picturetest.Chart(4, 4)))
	line := func(name, value string) string { return fmt.Sprintf("%s: %q", name, value) }
	all := map[string][2]string{
		"KEY": {"aabb", "# key: set PICTOR_KEY to the same text"}, "SALT": {"ccdd", "# salt: set PICTOR_SALT to the same text"},
		"TRUSTED_SIGNATURES":        {"let-me", "# trusted-signatures: set PICTOR_TRUSTED_SIGNATURES to the same text"},
		"SOURCE_URL_ENCRYPTION_KEY": {strings.Repeat("ab", 16), "# source-key: set PICTOR_SOURCE_KEY to the same text"},
		"SIGNATURE_SIZE":            {"20", line("signature-size", "20")},
		"BIND":                      {":9000", line("listen", ":9000")}, "PATH_PREFIX": {"/img", line("path-prefix", "/img")},
		"TIMEOUT": {"60", line("request-timeout", "60s")}, "DOWNLOAD_TIMEOUT": {"5.5", line("fetch-timeout", "5.5s")},
		"BASE_URL":        {"https://a.test/img", line("base-url", "https://a.test/img/")},
		"ALLOWED_SOURCES": {"https://a.test/,local:///", line("allow-sources", "https://a.test/,local:///")},
		"URL_REPLACEMENTS": {"https://a.test/=https://b.test/;https://c.test/=https://d.test/",
			line("rewrite-sources", "https://a.test/=https://b.test/,https://c.test/=https://d.test/")},
		"REQUEST_HEADERS_PASSTHROUGH": {"X-Tenant, Accept-Language",
			line("origins", "{all: {sources: ['*'], pass-headers: [X-Tenant, Accept-Language]}}")},
		"FALLBACK_IMAGE_PATH":      {watermark, line("fallback-image", watermark)},
		"FALLBACK_IMAGE_URL":       {"https://a.test/x.png", line("fallback-image", "https://a.test/x.png")},
		"FALLBACK_IMAGE_DATA":      {base64PNG, line("fallback-image", "data:;base64,"+base64PNG)},
		"FALLBACK_IMAGE_HTTP_CODE": {"404", line("fallback-status", "404")},
		"FALLBACK_IMAGE_TTL":       {"60", line("fallback-ttl", "60s")},
		"TTL":                      {"3600", line("ttl", "3600s")}, "WORKERS": {"1", line("workers", "1")}, "CONCURRENCY": {"1", line("workers", "1")},
		"MAX_SRC_RESOLUTION": {"16.8", line("max-source-pixels", "16.8MP")}, "MAX_SRC_FILE_SIZE": {"10485760", line("max-source-size", "10485760B")},
		"MAX_ANIMATION_FRAMES": {"64", line("max-frames", "64")}, "MAX_RESULT_DIMENSION": {"4000", line("max-output-side", "4000")},
		"ALLOW_SECURITY_OPTIONS": {"T", line("allow-security-options", "true")}, "PRESETS": {"card=w:5", line("presets", "card=w:5")},
		"INFO_PRESETS": {"small=s:0/d:1", line("info-presets", "small=s:0/d:1")},
		"PRESETS_PATH": {presets, line("presets-file", presets)}, "ONLY_PRESETS": {"0", line("only-presets", "false")},
		"ALLOWED_PROCESSING_OPTIONS": {"rs,w,q", line("allow-options", "rs,w,q")}, "ARGUMENTS_SEPARATOR": {"_", line("arguments-separator", "_")},
		"BASE64_URL_INCLUDES_FILENAME": {"1", line("source-name", "true")}, "LOCAL_FILESYSTEM_ROOT": {dir, line("local-root", dir)},
		"WATERMARK_PATH": {watermark, line("watermark", watermark)}, "LOG_LEVEL": {"FATAL", line("log-level", "error")},
		"LOG_FORMAT": {"gcp", line("log-format", "json")}, "PROMETHEUS_BIND": {"127.0.0.1:9090", line("admin-listen", "127.0.0.1:9090")},
		"ALLOW_PRIVATE_SOURCE_ADDRESSES":  {"true", line("allow-networks", "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")},
		"ALLOW_LOOPBACK_SOURCE_ADDRESSES": {"1", line("allow-networks", "127.0.0.0/8,::1/128")},
		"USE_S3":                          {"true", "        store: s3"}, "USE_GCS": {"1", "        store: gs"},
	}
	for variable, options := range map[string][2]string{
		"QUALITY": {"70", "q:70"}, "FORMAT_QUALITY": {"jpeg=70, avif=40", "fq:jpeg:70/fq:avif:40"}, "AUTO_ROTATE": {"true", "ar:true"},
		"STRIP_METADATA": {"0", "sm:0"}, "KEEP_COPYRIGHT": {"1", "kcr:1"}, "STRIP_COLOR_PROFILE": {"false", "scp:false"},
		"ENFORCE_THUMBNAIL": {"1", "eth:1"}, "USE_LINEAR_COLORSPACE": {"1", "linear:1"}, "RETURN_ATTACHMENT": {"1", "att:1"}, "PRESERVE_HDR": {"1", "ph:1"},
		"JPEG_PROGRESSIVE": {"1", "jpgo:1"}, "PNG_INTERLACED": {"1", "pngo:1"}, "AVIF_SPEED": {"8", "avifo::1"}, "WEBP_EFFORT": {"4", "webpo::::4"},
		"JXL_EFFORT": {"6", "jxlo:6"}, "AUTOQUALITY_METHOD": {"dssim", "aq:dssim:0.02:70:80:0.002"},
		"BEST_FORMAT_BY_DEFAULT": {"true", "f:best"},
	} {
		all[variable] = [2]string{options[0], line("presets", "default="+options[1])}
	}
	for _, known := range []string{
		"SECRET", "MAX_CLIENTS", "USE_ETAG", "AUTO_WEBP", "AUTO_AVIF", "AUTO_JXL", "ENFORCE_WEBP", "ENFORCE_AVIF",
		"S3_REGION", "S3_ENDPOINT", "S3_ENDPOINT_USE_PATH_STYLE", "S3_ALLOWED_BUCKETS", "S3_DENIED_BUCKETS",
		"S3_ASSUME_ROLE_ARN", "S3_ASSUME_ROLE_EXTERNAL_ID", "S3_USE_DECRYPTION_CLIENT", "GCS_KEY", "GCS_ENDPOINT",
		"GCS_ALLOWED_BUCKETS", "GCS_DENIED_BUCKETS", "ABS_NAME", "ABS_KEY", "ABS_ENDPOINT", "ABS_ALLOWED_BUCKETS",
		"ABS_DENIED_BUCKETS", "USE_ABS", "USE_SWIFT",
		"COOKIE_PASSTHROUGH", "COOKIE_PASSTHROUGH_ALL", "CUSTOM_REQUEST_HEADERS", "USER_AGENT",
		"IGNORE_SSL_VERIFICATION",
		"FREE_MEMORY_INTERVAL", "DOWNLOAD_BUFFER_SIZE",
		"AUTOQUALITY_TARGET", "AUTOQUALITY_MIN", "AUTOQUALITY_MAX", "AUTOQUALITY_ALLOWED_ERROR", "AUTOQUALITY_FORMAT_MIN",
		"AUTOQUALITY_FORMAT_MAX", "AUTOQUALITY_MAX_RESOLUTION", "BEST_FORMAT_COMPLEXITY_THRESHOLD",
		"BEST_FORMAT_MAX_RESOLUTION", "BEST_FORMAT_ALLOW_SKIPS",
	} {
		all[known] = [2]string{"1", ""}
	}
	return all
}

// starts fails unless serve starts with what an environment becomes.
func starts(t testing.TB, environ ...string) (file string) {
	t.Helper()
	file, err := fromImgproxy(environ)
	if err != nil {
		t.Fatalf("%q: %v", environ, err)
	}
	cfg, err := config.Load([]byte(file + "key: aa\nsalt: bb\n"))
	if err == nil {
		err = checkStartable(cfg)
	}
	if err != nil {
		t.Errorf("%q: %v in\n%s", environ, err, file)
	}
	return file
}

func TestWhatImgproxysVariablesBecomeStarts(t *testing.T) {
	all := asks(t)
	var environ, bad []string
	for _, variable := range config.ImgproxyVariables() {
		ask, ok := all[strings.TrimPrefix(variable, "IMGPROXY_")]
		if !ok {
			t.Errorf("%s is not tested", variable)
			continue
		}
		environ = append(environ, variable+"="+ask[0])
		file := starts(t, variable+"="+ask[0])
		if !slices.Contains(strings.Split(file, "\n"), ask[1]) || strings.Contains(file, "left out") {
			t.Errorf("%s=%s: no line %s in\n%s", variable, ask[0], ask[1], file)
		}
		if ask[1] == "" { // a note, whatever the value is
			continue
		}
		for _, value := range []string{"x", "-1", "0", "1e99", `"`, "a\nb: c", "a\rb: c", "a\u2028b: c", ":9090",
			"%zz", "/does/not/exist", "a=blurr:1", ",", "\xff"} {
			starts(t, variable+"="+value)
		}
		bad = append(bad, variable+"=/does/not/exist")
	}
	starts(t, environ...)
	starts(t, bad...)
	// One alone is more than --request-timeout, the other one raises that.
	file := starts(t, "IMGPROXY_DOWNLOAD_TIMEOUT=40", "IMGPROXY_TIMEOUT=50", "IMGPROXY_BIND=x")
	if !strings.Contains(file, "\nfetch-timeout: \"40s\"\n") ||
		!strings.Contains(file, "\nrequest-timeout: \"50s\"\n") {
		t.Errorf("what needs another setting is left out:\n%s", file)
	}
}

func TestWhatIsLeftOutSaysWhy(t *testing.T) {
	for ask, want := range map[string]string{
		"PROMETHEUS_BIND=:9090":               "# left out: --admin-listen :9090 is not a loopback address: set --admin-token",
		"SIGNATURE_SIZE=4":                    "# left out: --signature-size is 4",
		"MAX_SRC_FILE_SIZE=0":                 "# left out: --max-source-size is 0",
		"WATERMARK_PATH=/not/there":           "# left out: --watermark cannot be read",
		"PRESETS=card=blurr:1":                `# left out: preset "card": unknown option`,
		"FORMAT_QUALITY=heic=77":              "; without fq:heic:77: ",
		"SOURCE_URL_ENCRYPTION_KEY=ab":        "# source-key is left out: --source-key is not 32",
		"CUSTOM_REQUEST_HEADERS=X-Key=secret": "# IMGPROXY_CUSTOM_REQUEST_HEADERS: add headers or header-files to an entry",
		"REQUEST_HEADERS_PASSTHROUGH=Host":    "# left out: --origins: entry \"all\": header Host is set by pictor itself",
		"NOTHING=secret":                      "# IMGPROXY_NOTHING: pictor has nothing like it",
		"TIMEOUT=soon":                        `IMGPROXY_TIMEOUT=soon: "soon" is not a number of seconds`,
	} {
		if file := starts(t, "IMGPROXY_"+ask); !strings.Contains(file, want) {
			t.Errorf("%s: no %q in\n%s", ask, want, file)
		}
	}
	if file := starts(t, "IMGPROXY_TTL=5"); !strings.Contains(file, "\n# insecure: true\n") {
		t.Errorf("without a key nothing is said of signatures:\n%s", file)
	}
	if _, err := fromImgproxy([]string{"PATH=/bin"}); err == nil {
		t.Error("there is nothing to translate")
	}
}

func TestBucketsOfImgproxy(t *testing.T) {
	file := starts(t, "IMGPROXY_USE_S3=true", "IMGPROXY_S3_ENDPOINT=minio:9000", "IMGPROXY_S3_REGION=eu-west-1",
		"IMGPROXY_S3_ENDPOINT_USE_PATH_STYLE=false", "IMGPROXY_S3_ALLOWED_BUCKETS=photos, shop,*x",
		"IMGPROXY_USE_GCS=1", "IMGPROXY_GCS_KEY=hush", "IMGPROXY_USE_ABS=1", "IMGPROXY_ABS_NAME=me",
		"IMGPROXY_ABS_KEY=hush")
	want := `
accounts:
    abs:
        account-name: me
        bucket: '*'
        store: abs
    gs:
        bucket: '*'
        store: gs
    s3-photos:
        bucket: photos
        endpoint: http://minio:9000
        path-style: "false"
        region: eu-west-1
        store: s3
    s3-shop:
        bucket: shop
        endpoint: http://minio:9000
        path-style: "false"
        region: eu-west-1
        store: s3
`
	if !strings.Contains(file, want) || strings.Contains(file, "hush") || strings.Contains(file, "left out") ||
		!strings.Contains(file, "# IMGPROXY_ABS_KEY: set AZURE_STORAGE_KEY to the same text") {
		t.Errorf("no %s in\n%s", want, file)
	}
	for _, environ := range [][]string{{"IMGPROXY_USE_S3=0", "IMGPROXY_S3_REGION=x"}, {"IMGPROXY_USE_ABS=1"},
		{"IMGPROXY_USE_S3=1", "IMGPROXY_S3_ENDPOINT=http://me:hush@minio"},
		{"IMGPROXY_USE_ABS=1", "IMGPROXY_ABS_NAME=a/b"},
		{"IMGPROXY_USE_GCS=1", "IMGPROXY_GCS_ALLOWED_BUCKETS=*"}} {
		if file := starts(t, environ...); strings.Contains(file, "accounts:") || strings.Contains(file, "hush") {
			t.Errorf("%q became\n%s", environ, file)
		}
	}
}

func FuzzFromImgproxy(f *testing.F) {
	names := config.ImgproxyVariables()
	for i, ask := range []string{"aa", "\n- x", "default=w:1,a", "\U0010ffff", "0x1p3"} {
		f.Add(uint(i), ask, uint(i+7), ask)
	}
	f.Fuzz(func(t *testing.T, a uint, one string, b uint, two string) {
		starts(t, names[a%uint(len(names))]+"="+one, names[b%uint(len(names))]+"="+two, "IMGPROXY_TTL=5")
	})
}
