# Runs a formula with as much of Homebrew as it uses: ruby run.rb FORMULA PREFIX FIXTURE. PREFIX/bin has the programs. It prints
# what the formula says as JSON: dependencies, the commands of install with their environment, and files of the repository.
# Then it carries out post_install and the block of the test.
require "fileutils"
require "json"
require "open3"
require "pathname"
require "socket"
require "tmpdir"

class Pathname
  def install(*files) = Formula.said[:files].concat(files.map(&:to_s))
  def write(text) = File.write(to_s, text)
end

module Utils
  def self.safe_popen_read(*command)
    out, status = Open3.capture2(*command.map(&:to_s))
    raise command.join(" ") unless status.success?
    out
  end
end

class Formula
  PREFIX = Pathname.new(ARGV[1])
  @said = { depends: {}, commands: [], files: [], service: {} }

  class << self
    attr_reader :said, :tested

    def inherited(formula) = (@formula = formula)
    def formula = @formula
    %i[desc homepage url sha256 license head].each { |word| define_method(word) { |*args| Formula.said[word] = args.first } }
    def depends_on(name) = Formula.said[:depends].merge!(name.is_a?(Hash) ? name : { name => :run })
    def service(&) = Service.new.instance_eval(&)
    def test(&block) = (@tested = block)
    def opt_bin = PREFIX/"bin"
    def etc = PREFIX/"etc"
    def var = PREFIX/"var"
  end

  class Service
    %i[run keep_alive error_log_path].each { |word| define_method(word) { |value| Formula.said[:service][word] = value } }
    %i[opt_bin etc var].each { |word| define_method(word) { Formula.public_send(word) } }
  end

  def version = "1.2.3"
  def bin = PREFIX/"bin"
  def etc = PREFIX/"etc"
  def pkgetc = PREFIX/"etc/pictor"
  def man1 = PREFIX/"share/man/man1"
  def testpath = Pathname.pwd
  def test_fixtures(_name) = Pathname.new(ARGV[2])
  def free_port = TCPServer.open("127.0.0.1", 0) { |s| s.addr[1] }
  def cp(...) = FileUtils.cp(...)

  def with_env(env)
    @env = env
    yield
  ensure
    @env = nil
  end

  def system(*words)
    return Formula.said[:commands] << { env: @env, words: words.map(&:to_s) } unless @real
    raise words.join(" ") unless Kernel.system(*words.map(&:to_s), out: File::NULL)
  end

  def inreplace(file)
    Formula.said[:files] << file
    text = File.read(file)
    def text.gsub!(before, after) = super(before, after.to_s) || raise("#{before} is not there")
    yield text
    pkgetc.mkpath
    (pkgetc/File.basename(file)).write(text)
  end

  def spawn(*words) = Process.spawn(*words.map(&:to_s), %i[out err] => "server.log")
  def shell_output(command) = IO.popen(command, &:read)
  def assert_match(want, got) = (raise "no #{want} in #{got}" unless got.match?(want))

  def try
    install
    @real = true
    post_install
    Dir.mktmpdir { |dir| Dir.chdir(dir) { instance_exec(&self.class.tested) } }
    puts JSON.generate(Formula.said)
  end
end

load ARGV[0]
Formula.formula.new.try
