// What the bundler makes of files that are not code.
declare module '*.module.css' {
  const classes: Readonly<Record<string, string>>;
  export = classes;
}
declare module '*.css' {}
declare module '*?url' {
  const url: string;
  export = url;
}
