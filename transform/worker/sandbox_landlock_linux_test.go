package worker

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestRightsByVersionOfLandlock(t *testing.T) {
	for _, tc := range []struct {
		abi, errata      int
		files            uint64
		tcp, scopes      uint64
		size             uintptr
		describesVersion string
	}{
		{1, 0, 1<<13 - 1, 0, 0, 8, "Linux 5.13"},
		{2, 0, 1<<14 - 1, 0, 0, 8, "5.19: moving between directories"},
		{3, 0, 1<<15 - 1, 0, 0, 8, "6.2: cutting off"},
		{4, 0, 1<<15 - 1, 3, 0, 16, "6.7: TCP"},
		{5, 0, 1<<16 - 1, 3, 0, 16, "6.10: ioctl of devices"},
		{6, 0, 1<<16 - 1, 3, 1, 24, "6.12: scopes, with threads that cannot signal each other"},
		{6, 2, 1<<16 - 1, 3, 3, 24, "6.12 with the correction"},
		{7, 7, 1<<16 - 1, 3, 3, 24, "6.15"},
		{99, 7, 1<<16 - 1, 3, 3, 24, "to come"},
	} {
		attr, size := handledRights(tc.abi, tc.errata)
		want := unix.LandlockRulesetAttr{Handled_access_fs: tc.files, Handled_access_net: tc.tcp, Scoped: tc.scopes}
		if attr != want || size != tc.size || size > unsafe.Sizeof(attr) {
			t.Errorf("ABI %d (%s): %+v of %d bytes, want %+v", tc.abi, tc.describesVersion, attr, size, want)
		}
	}
}

func TestDirectoriesOfLibraries(t *testing.T) {
	list, err := os.ReadFile(loaderCache)
	if err != nil {
		t.Skip(err)
	}
	dirs := libraryDirs(list)
	system := func(dir string) bool { return strings.HasPrefix(strings.TrimPrefix(dir, "/usr"), "/lib") }
	if !slices.ContainsFunc(dirs, system) {
		t.Errorf("%q", dirs)
	}
	// A library in the root must not open all of it.
	got := libraryDirs([]byte("glibc-ld.so.cache1.1\x00\x03libx.so\x00/opt/vips/lib/libvips.so.42\x00/libx.so\x00" +
		"/opt/vips/lib/liby.so\x00"))
	if !slices.Equal(got, []string{"/opt/vips/lib"}) {
		t.Errorf("%q", got)
	}
}

func TestDirectoriesOfMappedLibraries(t *testing.T) {
	got := mappedDirs([]byte("00400000-00c00000 r-xp 00000000 08:01 42                         /home/u/pictor\n" +
		"7f00-8f00 r--p 00000000 08:01 43                         /nix/store/x-vips/lib/libvips.so.42.16.1\n" +
		"8f00-9f00 rw-p 00000000 08:01 43                         /nix/store/x-vips/lib/libvips-cpp.so.42 (deleted)\n" +
		"9f00-af00 rw-p 00000000 08:01 44                         /libodd.so\n" +
		"af00-bf00 rw-p 00000000 00:00 0                          [heap]\n"))
	if !slices.Equal(got, []string{"/nix/store/x-vips/lib"}) {
		t.Errorf("%q", got)
	}
}

func FuzzLibraryDirs(f *testing.F) {
	f.Add([]byte("glibc-ld.so.cache1.1\x00/usr/lib/libc.so.6\x00"))
	f.Add([]byte("//\x00/\x00/..\x00/../x\x00"))
	f.Add([]byte("7f00-8f00 r--p 00000000 08:01 43 /opt/../libx.so\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, dir := range append(libraryDirs(b), mappedDirs(b)...) {
			if !path.IsAbs(dir) || dir == "/" || dir != path.Clean(dir) {
				t.Errorf("%q", dir)
			}
		}
	})
}

// A worker reads no more than what loading and running it takes.
func TestWhatWorkersMayRead(t *testing.T) {
	paths := neededRights("/proc/self/exe", nil)
	for name, rights := range paths {
		if rights&^(readable|executable) != 0 {
			t.Errorf("%s: %#x", name, rights)
		}
		if rights&unix.LANDLOCK_ACCESS_FS_EXECUTE != 0 && rights&unix.LANDLOCK_ACCESS_FS_READ_DIR != 0 {
			t.Errorf("%s: programs of a whole directory", name)
		}
		for _, never := range []string{
			"/", "/proc", "/proc/self", "/etc", "/usr", "/tmp", "/var", "/home", "/root", "/dev", "/sys",
		} {
			if name == never {
				t.Errorf("%s may be read", name)
			}
		}
	}
	loader, _ := readLinkage("/bin/sh")
	if loader == "" || paths["/usr/lib"] != readable {
		t.Errorf("loader %q, %v", loader, paths)
	}
	if loader, dirs := readLinkage("/etc/passwd"); loader != "" || dirs != nil {
		t.Errorf("a text has loader %q and %q", loader, dirs)
	}
}
