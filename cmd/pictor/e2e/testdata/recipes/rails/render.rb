# Renders the template of docs/frontends.md with Rails' own image_tag and the page's helper.
require 'action_view'
require './app/lib/pictor'
require './app/helpers/pictor_helper'

Photo = Struct.new(:url, :title)

class Page < ActionView::Base.with_empty_template_cache
  include PictorHelper
end

photo = Photo.new(ARGV[0], 'A "dune"')
puts Page.with_view_paths([]).render(inline: File.read('app/views/photo.html.erb'), locals: { photo: photo })
