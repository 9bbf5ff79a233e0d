// Reads Kusto queries with Microsoft's own language service and prints what it says against each.
//
//   node read_queries.js FOLDER < queries.json
//
// FOLDER is the package @kusto/language-service-next; queries.json is {"name": "query", …}. The answer is
// {"name": {"complaints": ["…"], "columns": ["…"]}, …}.
//
// The package is a library for web pages: it expects to be loaded into the global scope.

"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const folder = process.argv[2];
for (const file of ["bridge.js", "Kusto.Language.Bridge.js"]) {
  vm.runInThisContext(fs.readFileSync(path.join(folder, file), "utf8"), { filename: file });
}
const { KustoCode, GlobalState, Symbols } = globalThis.Kusto.Language;

// The columns our queries use, of the tables they ask.
// https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
const TABLES = {
  traces:
    "(timestamp:datetime, message:string, severityLevel:int, customDimensions:dynamic," +
    " operation_Name:string, operation_Id:string)",
  requests:
    "(timestamp:datetime, name:string, resultCode:string, duration:real, operation_Name:string," +
    " operation_Id:string, customDimensions:dynamic)",
  exceptions:
    "(timestamp:datetime, type:string, problemId:string, outerMessage:string," +
    " operation_Name:string, operation_Id:string, customDimensions:dynamic)",
  _LogOperation:
    "(TimeGenerated:datetime, Category:string, Operation:string, Level:string, Detail:string)",
};

const tables = Object.entries(TABLES).map(([name, schema]) =>
  Symbols.TableSymbol.From(schema).WithName(name),
);
const database = new Symbols.DatabaseSymbol.ctor("application", tables);
const globals = GlobalState.Default.WithDatabase(database);

const listed = (list, each) => Array.from({ length: list.Count }, (_, i) => each(list.getItem(i)));

const queries = JSON.parse(fs.readFileSync(0, "utf8"));
const answer = {};
for (const [name, query] of Object.entries(queries)) {
  const code = KustoCode.ParseAndAnalyze(query, globals);
  answer[name] = {
    complaints: listed(
      code.GetDiagnostics(),
      (said) => `${said.Message} [${query.substr(said.Start, said.Length)}]`,
    ),
    columns: listed(code.ResultType.Columns, (column) => column.Name),
  };
}
process.stdout.write(JSON.stringify(answer));
