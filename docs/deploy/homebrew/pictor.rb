# Homebrew's formula. As it is, it builds what is on the branch main: brew install --HEAD ./pictor.rb
# .ci/formula adds the lines of a release.
class Pictor < Formula
  desc "Caching image proxy that stays within its memory limit"
  homepage "https://github.com/pictor-proxy/pictor"
  license "MIT"
  head "https://github.com/pictor-proxy/pictor.git", branch: "main"

  depends_on "go" => :build
  depends_on "pkgconf" => :build
  depends_on "jpeg-turbo"
  depends_on "vips"

  # The server is static, only the worker, which it finds beside itself, links libvips. Both are of one version.
  def install
    ldflags = "-s -w -X main.version=v#{version}"
    args = ["-buildvcs=false", "-trimpath", "-tags", "disable_grpc_modules", "-ldflags", ldflags]
    with_env(CGO_ENABLED: "0") do
      system "go", "build", *args, "-o", bin/"pictor", "./cmd/pictor"
    end
    with_env(CGO_ENABLED: "1") do
      system "go", "build", *args, "-o", bin/"pictor-worker", "./cmd/pictor-worker"
    end
    man1.install ".ci/deb/debian/pictor.1", ".ci/deb/debian/pictor-worker.1"
    inreplace ".ci/deb/debian/pictor.yaml" do |s|
      s.gsub! "/etc/pictor", etc/"pictor"
      s.gsub! "systemctl restart pictor", "brew services restart pictor"
      s.gsub! "systemctl reload pictor", "pictor reload"
    end
    pkgetc.install ".ci/deb/debian/pictor.yaml"
  end

  # Keys of the first installation, which the service reads.
  def post_install
    return if (pkgetc/"key").exist? || (pkgetc/"salt").exist?

    Utils.safe_popen_read(bin/"pictor", "keys").each_line do |line|
      name, value = line.chomp.split("=", 2)
      file = pkgetc/name.delete_prefix("PICTOR_").downcase
      file.write("#{value}\n")
      file.chmod(0600)
    end
  end

  service do
    run [opt_bin/"pictor", "serve", "--config", etc/"pictor/pictor.yaml",
         "--cache-dir", var/"cache/pictor", "--state-dir", var/"lib/pictor"]
    keep_alive true
    error_log_path var/"log/pictor.log"
  end

  test do
    cp test_fixtures("test.jpg"), testpath/"source.jpg"
    port = free_port
    ENV["PICTOR_LISTEN"] = "127.0.0.1:#{port}"
    shell_output("#{bin}/pictor keys").each_line do |line|
      name, value = line.chomp.split("=", 2)
      ENV[name] = value
    end
    pid = spawn bin/"pictor", "serve", "--admin-listen", "off", "--local-root", testpath.to_s,
                "--cache-dir", (testpath/"cache").to_s, "--state-dir", (testpath/"state").to_s
    begin
      system bin/"pictor", "health", "--wait", "30s"
      url = shell_output("#{bin}/pictor sign --url http://127.0.0.1:#{port} local:///source.jpg w:8 f:png").chomp
      assert_match "PNG", shell_output("curl -sf #{url}").b
      assert_match "wrong-signature", shell_output("curl -s http://127.0.0.1:#{port}/x/plain/local:///source.jpg")
    ensure
      Process.kill("TERM", pid)
      Process.wait(pid)
    end
  end
end
