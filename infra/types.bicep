// Shapes of values that pass between the files.

@export()
@description('Tags: names and values.')
type tagSet = {
  *: string
}

@export()
@description('App settings: names and values.')
type settingSet = {
  *: string
}
